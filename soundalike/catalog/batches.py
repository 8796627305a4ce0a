"""What is in a batch, and recording what each stage made of it, one transaction a stage."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import and_, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
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


def track_files_of(session: Session, batch_id: int, passed: str | None = None) -> list[BatchFile]:
    """One file for each track first met in this batch that still has one, by track id.

    With `passed`, only files that did not fail at that stage.
    """
    failed = exists().where(Failure.file_id == File.id, Failure.stage == passed)
    return _batch_files(
        session.execute(
            select(*_FILE)
            .distinct(File.track_id)
            .join(Root)
            .join(Track, Track.id == File.track_id)
            .where(Track.batch_id == batch_id, File.gone_at.is_(None), ~failed)
            .order_by(File.track_id, File.id)
        )
    )


def pending_batches(session: Session, space: str) -> list[PendingBatch]:
    """Batches with work left in `space`, oldest first.

    Those never embedded, and those with a track that has a file but neither vector nor failure:
    a recording that was broken or gone when its batch ran, and came back in another file.
    """
    embedded = and_(EmbeddedBatch.batch_id == Batch.id, EmbeddedBatch.space == space)
    vector = exists().where(Vector.space == space, Vector.track_id == Track.id)
    failure = exists().where(Failure.file_id == File.id)
    left = exists().where(
        Track.batch_id == Batch.id,
        File.track_id == Track.id,
        File.gone_at.is_(None),
        ~vector,
        ~failure,
    )
    rows = session.execute(
        select(Batch.id, EmbeddedBatch.embedded_at)
        .outerjoin(EmbeddedBatch, embedded)
        .where(or_(EmbeddedBatch.batch_id.is_(None), left))
        .order_by(Batch.id)
    )
    return [PendingBatch(batch_key(id_), at.isoformat() if at else "first") for id_, at in rows]


def record_tracks(session: Session, tracks: Sequence[Mapping[str, Any]]) -> None:
    """Insert tracks, or renew the facts of known ones; a track keeps its first batch."""
    if not tracks:
        return
    statement = insert(Track)
    renewed = {
        name: statement.excluded[name] for name in tracks[0] if name not in ("id", "batch_id")
    }
    session.execute(
        statement.on_conflict_do_update(index_elements=[Track.id], set_=renewed), list(tracks)
    )


def assign_tracks(session: Session, track_of_file: Mapping[int, str | None]) -> None:
    """Say which track each file holds; None for a file that could not be identified."""
    rows = [{"id": file_id, "track_id": track} for file_id, track in track_of_file.items()]
    if rows:
        session.execute(update(File), rows)


def record_durations(session: Session, seconds: Mapping[str, float]) -> None:
    """Replace the containers' claims by what was decoded."""
    rows = [{"id": track_id, "duration": value} for track_id, value in seconds.items()]
    if rows:
        session.execute(update(Track), rows)


def record_failures(
    session: Session, batch_id: int, stage: str, failures: Sequence[StageFailure]
) -> None:
    """Make `failures` the batch's failures at this stage: those that healed are forgotten."""
    still = [failure.file.id for failure in failures]
    session.execute(
        delete(Failure).where(
            Failure.batch_id == batch_id, Failure.stage == stage, Failure.file_id.not_in(still)
        )
    )
    for failure in failures:
        seen = {"batch_id": batch_id, "code": failure.code, "message": failure.message}
        session.execute(
            insert(Failure)
            .values(file_id=failure.file.id, stage=stage, **seen)
            .on_conflict_do_update(
                index_elements=[Failure.file_id, Failure.stage],
                set_={**seen, "attempts": Failure.attempts + 1, "failed_at": func.now()},
            )
        )


def record_embeddings(
    session: Session,
    batch_id: int,
    space: str,
    sha256: str,
    tags: Mapping[str, list[dict[str, Any]]],
) -> None:
    """Record a batch's .npy. `tags` has its tracks in row order; an empty list keeps old tags."""
    session.execute(delete(Vector).where(Vector.space == space, Vector.batch_id == batch_id))
    rows = [
        {"space": space, "track_id": track, "batch_id": batch_id, "row": row}
        for row, track in enumerate(tags)
    ]
    if rows:
        session.execute(insert(Vector), rows)
    named = [{"id": track, "tags": words} for track, words in tags.items() if words]
    if named:
        session.execute(update(Track), named)
    done = {"rows": len(rows), "sha256": sha256, "embedded_at": func.now()}
    session.execute(
        insert(EmbeddedBatch)
        .values(space=space, batch_id=batch_id, **done)
        .on_conflict_do_update(
            index_elements=[EmbeddedBatch.space, EmbeddedBatch.batch_id], set_=done
        )
    )
