"""What is in a batch, and which batches have work left."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from soundalike.catalog.library import batch_key
from soundalike.catalog.tables import Batch, EmbeddedBatch, Failure, File, Root, Track, Vector


@dataclass(frozen=True)
class BatchFile:
    """A file to work on. `source` is its absolute path on this machine."""

    id: int
    source: Path
    shown: str
    track_id: str | None


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
        BatchFile(id_, Path(os.fsdecode(root), os.fsdecode(path)), shown, track_id)
        for id_, root, path, shown, track_id in rows
    ]


_FILE = (File.id, Root.location, File.path, File.shown, File.track_id)


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
    """One file for each track first met in this batch that still has one, by track id.

    A copy that never failed goes before one that did.
    """
    failed = exists().where(Failure.file_id == File.id)
    return _batch_files(
        session.execute(
            select(*_FILE)
            .distinct(File.track_id)
            .join(Root)
            .join(Track, Track.id == File.track_id)
            .where(Track.batch_id == batch_id, File.gone_at.is_(None))
            .order_by(File.track_id, failed, File.id)
        )
    )


def pending_batches(session: Session, space: str) -> list[PendingBatch]:
    """Batches with work left in `space`, oldest first.

    Those never embedded, and those with a track that has neither a vector nor only files that
    failed: its file was broken or gone when its batch ran, and there is another one.
    """
    embedded = and_(EmbeddedBatch.batch_id == Batch.id, EmbeddedBatch.space == space)
    vector = exists().where(Vector.space == space, Vector.track_id == Track.id)
    left = exists().where(Track.batch_id == Batch.id, _can_be_heard(), ~vector)
    rows = session.execute(
        select(Batch.id, EmbeddedBatch.embedded_at)
        .outerjoin(EmbeddedBatch, embedded)
        .where(or_(EmbeddedBatch.batch_id.is_(None), left))
        .order_by(Batch.id)
    )
    return [PendingBatch(batch_key(id_), at.isoformat() if at else "first") for id_, at in rows]


def _can_be_heard() -> ColumnElement[bool]:
    """The track has a file that is there and did not fail."""
    failed = exists().where(Failure.file_id == File.id)
    return exists().where(File.track_id == Track.id, File.gone_at.is_(None), ~failed)


def expected_tracks(session: Session, batch_id: int) -> list[str]:
    """Tracks first met in this batch that must have a vector in it."""
    tracks = select(Track.id).where(Track.batch_id == batch_id, _can_be_heard())
    return list(session.scalars(tracks))


def recorded_hash(session: Session, batch_id: int, space: str) -> str | None:
    """SHA-256 of the batch's .npy as it was recorded; None if it never was."""
    done = session.get(EmbeddedBatch, (space, batch_id))
    return done.sha256 if done else None
