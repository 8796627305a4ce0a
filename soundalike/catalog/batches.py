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
from soundalike.catalog.tables import Batch, EmbeddedBatch, Failure, File, Root, Track, Vector
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


_UNREADABLE = exists().where(Failure.file_id == File.id, Failure.stage == READING)
_UNREAD = or_(File.unread, _UNREADABLE)
_FILE = (File.id, Root.location, File.path, File.shown, File.track_id, _UNREAD)


def files_of(session: Session, batch_id: int) -> list[BatchFile]:
    """The batch's files that were there at the last scan, by path."""
    return _batch_files(
        session.execute(
            select(*_FILE)
            .join(Root)
            .where(File.batch_id == batch_id, File.gone_at.is_(None))
            .order_by(File.root_id, File.path)
        )
    )


def track_files_of(session: Session, batch_id: int) -> list[BatchFile]:
    """One file for each fitting track first met in this batch that still has one, by track id.

    A copy that did not fail goes before one that did.
    """
    return _batch_files(
        session.execute(
            select(*_FILE)
            .distinct(File.track_id)
            .join(Root)
            .join(Track, Track.id == File.track_id)
            .where(
                Track.batch_id == batch_id,
                File.gone_at.is_(None),
                ~File.unread,
                has_allowed_length(),
            )
            .order_by(File.track_id, awaiting_retry(), File.id)
        )
    )


def pending_batches(session: Session, space: str) -> list[PendingBatch]:
    """Batches with work left in `space`, oldest first.

    Those never embedded, those with a track that is embeddable and has no vector (its file was
    broken or gone when its batch ran), and those with a file that is to be read again now.
    """
    embedded = and_(EmbeddedBatch.batch_id == Batch.id, EmbeddedBatch.space == space)
    vector = exists().where(Vector.space == space, Vector.track_id == Track.id)
    left = exists().where(Track.batch_id == Batch.id, is_embeddable(), ~vector)
    there = File.batch_id == Batch.id, File.gone_at.is_(None)
    to_read = exists().where(*there, or_(File.unread, File.track_id.is_(None)), ~awaiting_retry())
    rows = session.execute(
        select(Batch.id, EmbeddedBatch.embedded_at)
        .outerjoin(EmbeddedBatch, embedded)
        .where(or_(EmbeddedBatch.batch_id.is_(None), left, to_read))
        .order_by(Batch.id)
    )
    return [PendingBatch(batch_key(id_), at.isoformat() if at else "first") for id_, at in rows]


def expected_tracks(session: Session, batch_id: int) -> list[str]:
    """Tracks first met in this batch that must have a vector in it."""
    tracks = select(Track.id).where(Track.batch_id == batch_id, is_embeddable())
    return list(session.scalars(tracks))


def count_excluded(session: Session, batch_id: int) -> int:
    """How many tracks first met in this batch are too short or too long for the library."""
    tracks = select(func.count()).where(Track.batch_id == batch_id, ~has_allowed_length())
    return session.scalar(tracks) or 0


def recorded_hash(session: Session, batch_id: int, space: str) -> str | None:
    """SHA-256 of the batch's .npy as it was recorded; None if it never was."""
    done = session.get(EmbeddedBatch, (space, batch_id))
    return done.sha256 if done else None
