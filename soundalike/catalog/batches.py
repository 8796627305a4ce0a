"""What is in a batch, and which batches have work left."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session

from soundalike.catalog.library import batch_key
from soundalike.catalog.presence import awaiting_retry, has_allowed_length, is_embeddable
from soundalike.catalog.tables import (
    BatchRow,
    EmbeddedBatchRow,
    FailureRow,
    FileRow,
    RootRow,
    TrackRow,
    VectorRow,
)
from soundalike.sources.roots import MusicRoot

READING = "raw_audio"  # the stage at which a file has no track yet


@dataclass(frozen=True)
class BatchFile:
    """A file to work on. `path` is relative to its root, exact, as bytes.

    `unread`: its batch has not looked at it yet, or could not read it.
    """

    id: int
    root: MusicRoot
    path: bytes
    shown: str
    track_id: str | None
    unread: bool

    def local_copy(self, scratch: Path) -> AbstractContextManager[Path]:
        """As `MusicRoot.at_hand`."""
        return self.root.local_copy(self.path, scratch)


@dataclass(frozen=True)
class PendingBatch:
    """A batch to run, and since when: asking twice for the same `since` is asking once."""

    key: str
    since: str


@dataclass(frozen=True)
class StageFailure:
    """Why a file did not get through a stage. `code` is stable, `message` is for people."""

    file: BatchFile
    code: str
    message: str


def _batch_files(rows: Iterable[Any]) -> list[BatchFile]:
    return [
        BatchFile(id_, MusicRoot(root), path, shown, track_id, unread)
        for id_, root, path, shown, track_id, unread in rows
    ]


_UNREADABLE = exists().where(FailureRow.file_id == FileRow.id, FailureRow.stage == READING)
_UNREAD = or_(FileRow.unread, _UNREADABLE)
_FILE = (FileRow.id, RootRow.location, FileRow.path, FileRow.shown, FileRow.track_id, _UNREAD)


def files_of(session: Session, batch_id: int) -> list[BatchFile]:
    """The batch's files that were there at the last scan, by path."""
    return _batch_files(
        session.execute(
            select(*_FILE)
            .join(RootRow)
            .where(FileRow.batch_id == batch_id, FileRow.gone_at.is_(None))
            .order_by(FileRow.root_id, FileRow.path)
        )
    )


def track_files_of(session: Session, batch_id: int) -> list[BatchFile]:
    """One file for each fitting track first met in this batch that still has one, by track id.

    A copy that did not fail goes before one that did.
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
            .order_by(FileRow.track_id, awaiting_retry(), FileRow.id)
        )
    )


def pending_batches(session: Session, space: str) -> list[PendingBatch]:
    """Batches with work left in `space`, oldest first.

    Those never embedded, those with a track that is embeddable and has no vector (its file was
    broken or gone when its batch ran), and those with a file that is to be read again now.
    """
    embedded = and_(EmbeddedBatchRow.batch_id == BatchRow.id, EmbeddedBatchRow.space == space)
    vector = exists().where(VectorRow.space == space, VectorRow.track_id == TrackRow.id)
    left = exists().where(TrackRow.batch_id == BatchRow.id, is_embeddable(), ~vector)
    there = FileRow.batch_id == BatchRow.id, FileRow.gone_at.is_(None)
    to_read = exists().where(
        *there, or_(FileRow.unread, FileRow.track_id.is_(None)), ~awaiting_retry()
    )
    rows = session.execute(
        select(BatchRow.id, EmbeddedBatchRow.embedded_at)
        .outerjoin(EmbeddedBatchRow, embedded)
        .where(or_(EmbeddedBatchRow.batch_id.is_(None), left, to_read))
        .order_by(BatchRow.id)
    )
    return [PendingBatch(batch_key(id_), at.isoformat() if at else "first") for id_, at in rows]


def expected_tracks(session: Session, batch_id: int) -> list[str]:
    """Tracks first met in this batch that must have a vector in it."""
    tracks = select(TrackRow.id).where(TrackRow.batch_id == batch_id, is_embeddable())
    return list(session.scalars(tracks))


def count_excluded(session: Session, batch_id: int) -> int:
    """How many tracks first met in this batch are too short or too long for the library."""
    tracks = select(func.count()).where(TrackRow.batch_id == batch_id, ~has_allowed_length())
    return session.scalar(tracks) or 0


def recorded_hash(session: Session, batch_id: int, space: str) -> str | None:
    """SHA-256 of the batch's .npy as it was recorded; None if it never was."""
    done = session.get(EmbeddedBatchRow, (space, batch_id))
    return done.sha256 if done else None
