"""Batches: the files of each, and the batches that have work left."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ARRAY, Text, and_, any_, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from soundalike.catalog.batch_summaries import batch_summaries
from soundalike.catalog.library import batch_key, batch_number, newest_batch
from soundalike.catalog.presence import has_allowed_length, is_due, is_embeddable, not_retryable_now
from soundalike.catalog.summary_readings import ids_of
from soundalike.catalog.tables import (
    BatchRow,
    EmbeddedBatchRow,
    FailureRow,
    FileRow,
    RootRow,
    TrackRow,
    VectorRow,
)
from soundalike.errors import LibraryError
from soundalike.sources.roots import MusicRoot

READING = "raw_audio"  # the stage at which a file has no track yet


@dataclass(frozen=True)
class BatchFile:
    """A file to process; `path` is relative to its root, exact, as bytes.

    `unread`: its batch has not processed it yet, or could not read it. `retagged`: its audio is
    known, and only its tags are to be read.
    """

    id: int
    root: MusicRoot
    path: bytes
    shown: str
    track_id: str | None
    unread: bool
    retagged: bool

    def local_copy(self, scratch: Path) -> AbstractContextManager[Path]:
        """Provide a local path of the file while the block lasts, by `MusicRoot.local_copy`."""
        return self.root.local_copy(self.path, scratch)


@dataclass(frozen=True)
class PendingBatch:
    """A batch with work left. `state` changes when what is to be done now changes."""

    key: str
    state: str


@dataclass(frozen=True)
class StageFailure:
    """A file's failure in a stage; `code` is stable, `message` is for users."""

    file: BatchFile
    code: str
    message: str


def _batch_files(rows: Iterable[Any]) -> list[BatchFile]:
    return [
        BatchFile(id_, MusicRoot(root), path, shown, track_id, unread, retagged)
        for id_, root, path, shown, track_id, unread, retagged in rows
    ]


_UNREADABLE = exists().where(FailureRow.file_id == FileRow.id, FailureRow.stage == READING)
_UNREAD = or_(FileRow.unread, _UNREADABLE)
_RETAGGED = and_(FileRow.unread, FileRow.track_id.is_not(None), FileRow.tags_version >= 0)
_FILE = (
    *(FileRow.id, RootRow.location, FileRow.path, FileRow.shown),
    *(FileRow.track_id, _UNREAD, _RETAGGED),
)


def files_of(session: Session, batch_id: int) -> list[BatchFile]:
    """Return the batch's files that the last scan listed, by path."""
    return _batch_files(
        session.execute(
            select(*_FILE)
            .join(RootRow)
            .where(FileRow.batch_id == batch_id, FileRow.gone_at.is_(None))
            .order_by(FileRow.root_id, FileRow.path)
        )
    )


def track_files_of(session: Session, batch_id: int) -> list[BatchFile]:
    """Return one listed file of each track first identified in this batch, by track id.

    Tracks that the length rule excludes are left out. A copy that may be tried now is
    preferred.
    """
    return _batch_files(
        session.execute(
            select(*_FILE)
            .distinct(FileRow.track_id)
            .join(RootRow)
            .join(TrackRow, TrackRow.id == FileRow.track_id)
            .where(
                TrackRow.batch_id == batch_id,
                FileRow.gone_at.is_(None),
                ~FileRow.unread,
                has_allowed_length(),
            )
            .order_by(FileRow.track_id, not_retryable_now(), FileRow.id)
        )
    )


def pending_batches(session: Session, space: str) -> list[PendingBatch]:
    """Return the batches with work left in `space`, oldest first.

    These are the batches that were never embedded, or whose embeddings are lost; that have an
    embeddable track without a vector (its file was broken or missing when the batch ran) or without
    canonical audio; or a file that is due to be read again.
    """
    batches, spaces = batch_summaries(session)
    of_space = and_(spaces.c.batch_id == batches.c.batch_id, spaces.c.space == space)
    lacking = batches.c.embeddable - func.coalesce(spaces.c.whole, 0)
    state = func.concat_ws("/", spaces.c.embedded_at, batches.c.due, lacking)
    rows = session.execute(
        select(batches.c.batch_id, state)
        .select_from(batches.outerjoin(spaces, of_space))
        .where(or_(spaces.c.embedded_at.is_(None), batches.c.due.is_not(None), lacking > 0))
        .order_by(batches.c.batch_id)
    )
    return [PendingBatch(batch_key(id_), state) for id_, state in rows]


def undecoded_batches(session: Session, keys: Iterable[str]) -> set[str]:
    """Return those of the batches with a file due to be read, or a track without canonical audio.

    Only tracks and files of these batches are read.
    """
    chosen = BatchRow.id == any_(ids_of([*map(batch_number, keys)]))
    file = FileRow.batch_id == BatchRow.id, is_due()
    track = TrackRow.batch_id == BatchRow.id, is_embeddable(), TrackRow.decoded_share.is_(None)
    undecoded = or_(exists().where(*file), exists().where(*track))
    return set(map(batch_key, session.scalars(select(BatchRow.id).where(chosen, undecoded))))


def require_batch(session: Session, key: str) -> int:
    """Return the id of the batch with this key. Raises LibraryError if there is none."""
    batch_id = batch_number(key)
    if session.get(BatchRow, batch_id) is None:
        newest = newest_batch(session)
        known = f"the newest is {batch_key(newest)}" if newest else "none is sealed yet"
        raise LibraryError(f"there is no batch {key} in the library; {known}")
    return batch_id


def expected_tracks(session: Session, batch_id: int) -> list[str]:
    """Return ids of tracks first identified in this batch that must have a vector in it."""
    tracks = select(TrackRow.id).where(TrackRow.batch_id == batch_id, is_embeddable())
    return list(session.scalars(tracks))


def decoded_tracks(session: Session, batch_id: int) -> list[tuple[str, float, float]]:
    """Return (id, seconds, decoded share) of the decoded tracks of this batch, by id."""
    columns = TrackRow.id, TrackRow.duration, TrackRow.decoded_share
    decoded = TrackRow.batch_id == batch_id, TrackRow.decoded_share.is_not(None)
    rows = session.execute(select(*columns).where(*decoded).order_by(TrackRow.id))
    return [(id_, seconds or 0.0, share or 0.0) for id_, seconds, share in rows]


def count_excluded(session: Session, batch_id: int) -> int:
    """Count the tracks first identified in this batch that the length rule excludes."""
    tracks = select(func.count()).where(TrackRow.batch_id == batch_id, ~has_allowed_length())
    return session.scalar(tracks) or 0


def untried_files_of(session: Session, batch_id: int) -> list[BatchFile]:
    """Return the batch's listed files that nobody has tried to read yet, by path."""
    tried = exists().where(FailureRow.file_id == FileRow.id, FailureRow.stage == READING)
    listed = FileRow.batch_id == batch_id, FileRow.gone_at.is_(None)
    return _batch_files(
        session.execute(
            select(*_FILE)
            .join(RootRow)
            .where(*listed, FileRow.unread, ~tried)
            .order_by(FileRow.root_id, FileRow.path)
        )
    )


def failed_tracks(session: Session, track_ids: Sequence[str]) -> set[str]:
    """Return those of the tracks of which a file has failed, at whichever stage."""
    failed = exists().where(FailureRow.file_id == FileRow.id)
    one_of = FileRow.track_id == any_(literal(list(track_ids), ARRAY(Text)))
    return {str(track) for track in session.scalars(select(FileRow.track_id).where(one_of, failed))}


def embedded_batches(session: Session, space: str) -> list[str]:
    """Return the keys of the batches that are embedded in `space`, oldest first."""
    recorded = select(EmbeddedBatchRow.batch_id).where(EmbeddedBatchRow.space == space)
    return list(map(batch_key, session.scalars(recorded.order_by(EmbeddedBatchRow.batch_id))))


def spaces_of(session: Session, batch_id: int) -> list[str]:
    """Return the keys of the spaces that the batch is embedded in, by name."""
    recorded = select(EmbeddedBatchRow.space).where(EmbeddedBatchRow.batch_id == batch_id)
    return list(session.scalars(recorded.order_by(EmbeddedBatchRow.space)))


def recorded_hash(session: Session, batch_id: int, space: str) -> str | None:
    """Return the recorded SHA-256 of the batch's .npy; None if it was never recorded."""
    done = session.get(EmbeddedBatchRow, (space, batch_id))
    return done.sha256 if done else None


def embedded_tracks(session: Session, batch_id: int, space: str) -> set[str]:
    """Return the batch's tracks whose vectors are recorded in the space, and not lost."""
    if recorded_hash(session, batch_id, space) is None:
        return set()
    of_batch = VectorRow.space == space, VectorRow.batch_id == batch_id
    return set(session.scalars(select(VectorRow.track_id).where(*of_batch)))


def recorded_sidecar(session: Session, batch_id: int, space: str) -> str | None:
    """Return the recorded SHA-256 of the .npy's sidecar; None if it was never recorded."""
    done = session.get(EmbeddedBatchRow, (space, batch_id))
    return done.sidecar_sha256 if done else None


def recorded_manifest(session: Session, batch_id: int) -> str | None:
    """Return the recorded SHA-256 of the batch's manifest; None if it was never recorded."""
    batch = session.get(BatchRow, batch_id)
    return batch.manifest_sha256 if batch else None


def recorded_audio(session: Session, batch_id: int) -> dict[str, tuple[int, str]]:
    """Return the recorded size and SHA-256 of the batch's canonical audio, by track."""
    of_batch = TrackRow.batch_id == batch_id, TrackRow.audio_sha256.is_not(None)
    columns = select(TrackRow.id, TrackRow.audio_bytes, TrackRow.audio_sha256)
    rows = session.execute(columns.where(*of_batch))
    return {track: (size or 0, sha256 or "") for track, size, sha256 in rows}
