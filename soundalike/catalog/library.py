"""Roots and files: what the last scan knew, and recording what this one found, in one transaction.

A file that needs work is given to a new batch. Nothing here touches the music itself.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    any_,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Session

from soundalike.catalog.tables import Batch, Failure, File, Root

BATCH_PREFIX = "b"
SCAN_LOCK = 5_011_850_003
PASSING = ("vanished", "changed", "unreadable")  # codes of failures that pass by themselves


def batch_key(batch_id: int) -> str:
    """The batch's partition key and file name: b000042."""
    return f"{BATCH_PREFIX}{batch_id:06d}"


def batch_number(key: str) -> int:
    """The inverse of `batch_key`."""
    return int(key.removeprefix(BATCH_PREFIX))


def shown(path: bytes | str | Path) -> str:
    r"""A path for people: what is not UTF-8 is escaped (`caf\xe9.mp3`)."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class FoundFile:
    """A music file as a listing sees it; `path` is relative to its root, exact."""

    path: bytes
    size: int
    mtime_ns: int

    @property
    def shown(self) -> str:
        """The path for people."""
        return shown(self.path)


@dataclass(frozen=True)
class KnownFile:
    """A file's row, as much of it as a scan compares."""

    id: int
    size: int
    mtime_ns: int
    gone: bool
    identified: bool
    may_heal: bool  # it failed for a reason that was not its own


def roots(session: Session) -> Sequence[Root]:
    """All registered music roots, oldest first."""
    return session.scalars(select(Root).order_by(Root.id)).all()


def hold_scan(session: Session) -> None:
    """Wait until no other scan is recording, and keep others waiting until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(SCAN_LOCK)))


def add_root(session: Session, location: bytes) -> None:
    """Register a root, by its absolute path."""
    session.add(Root(location=location))


def known_files(session: Session, root_id: int) -> dict[bytes, KnownFile]:
    """Every file ever seen under the root, by relative path."""
    passing = exists().where(Failure.file_id == File.id, Failure.code.in_(PASSING))
    gone, identified = File.gone_at.is_not(None), File.track_id.is_not(None)
    rows = session.execute(
        select(File.path, File.id, File.size, File.mtime_ns, gone, identified, passing).where(
            File.root_id == root_id
        )
    )
    return {path: KnownFile(*known) for path, known in ((row[0], row[1:]) for row in rows)}


def mark_gone(session: Session, file_ids: Sequence[int]) -> None:
    """The files were not there any more. Their tracks and vectors stay, for their return."""
    session.execute(update(File).where(_one_of(file_ids)).values(gone_at=func.now()))


def mark_returned(session: Session, file_ids: Sequence[int]) -> None:
    """The files are back, unchanged."""
    session.execute(update(File).where(_one_of(file_ids)).values(gone_at=None))


def _one_of(file_ids: Sequence[int]) -> ColumnElement[bool]:
    """As one array parameter: a statement takes at most 65 535 of them."""
    return File.id == any_(literal(list(file_ids), ARRAY(BigInteger)))


def seal(
    session: Session,
    work: Sequence[tuple[int, int | None, FoundFile]],
    batch_tracks: int,
) -> list[str]:
    """Give (root id, known file id or None, file) to new batches; returns their keys."""
    keys = []
    for start in range(0, len(work), batch_tracks):
        chunk = work[start : start + batch_tracks]
        batch_id = session.scalars(insert(Batch).returning(Batch.id)).one()
        new = [
            {
                "root_id": root_id,
                "path": found.path,
                "shown": found.shown,
                **_state(found, batch_id),
            }
            for root_id, file_id, found in chunk
            if file_id is None
        ]
        changed = [
            {"id": file_id, "gone_at": None, **_state(found, batch_id)}
            for _, file_id, found in chunk
            if file_id is not None
        ]
        if new:
            session.execute(insert(File), new)
        if changed:
            session.execute(update(File), changed)
            other_file = Failure.file_id.in_([file["id"] for file in changed])
            session.execute(delete(Failure).where(other_file))  # what failed is there no more
        keys.append(batch_key(batch_id))
    return keys


def _state(found: FoundFile, batch_id: int) -> dict[str, int]:
    return {"size": found.size, "mtime_ns": found.mtime_ns, "batch_id": batch_id}
