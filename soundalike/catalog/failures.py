"""Failures: which files did not get through, where and why, and when they are tried again."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Select,
    all_,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from soundalike.catalog.tables import FailureRow, FileRow, RootRow

# What may pass by itself. Anything else is the file's own, and the same the next time.
TRANSIENT_CODES = frozenset(
    ("vanished", "changed", "unreadable", "no_room", "damaged", "stalled", "decoder_died")
)
# More and more patience; after the last of them a person has to ask.
RETRY_DELAYS = tuple(dt.timedelta(minutes=m) for m in (5, 20, 80, 320, 1440, 10_080))


@dataclass(frozen=True)
class FailureView:
    """A failure as people see it. `retry_at`: None if it is not tried again by itself."""

    file_id: int
    root: bytes
    path: str
    track_id: str | None
    stage: str
    code: str
    message: str
    attempts: int
    failed_at: dt.datetime
    retry_at: dt.datetime | None


_VIEW: tuple[Any, ...] = (
    *(FileRow.id, RootRow.location, FileRow.shown, FileRow.track_id),
    *(FailureRow.stage, FailureRow.code, FailureRow.message),
    *(FailureRow.attempts, FailureRow.failed_at, FailureRow.retry_at),
)


def retry_delay(code: str, attempts: int) -> dt.timedelta | None:
    """How long to wait before the next attempt, after so many; None for ever."""
    may_pass = code in TRANSIENT_CODES and attempts <= len(RETRY_DELAYS)
    return RETRY_DELAYS[attempts - 1] if may_pass else None


def page(limit: int, after: tuple[int, str] | None = None) -> Select[Any]:
    """Up to `limit` failures of files that are still there, after (file id, stage), in order."""
    place = tuple_(FailureRow.file_id, FailureRow.stage)
    statement = (
        select(*_VIEW)
        .select_from(FailureRow)
        .join(FileRow, FileRow.id == FailureRow.file_id)
        .join(RootRow, RootRow.id == FileRow.root_id)
        .where(FileRow.gone_at.is_(None))
        .order_by(place)
        .limit(limit)
    )
    return statement.where(place > tuple_(*after)) if after else statement


def count() -> Select[int]:
    """How many failures there are, of files that are still there."""
    there = exists().where(FileRow.id == FailureRow.file_id, FileRow.gone_at.is_(None))
    return select(func.count()).select_from(FailureRow).where(there)


def failures_of(session: Session, batch_ids: Sequence[int]) -> list[FailureView]:
    """Failures of these batches' files that are still there, by path."""
    statement = page(limit=10_000).where(FailureRow.batch_id.in_(batch_ids)).order_by(None)
    return [FailureView(*row) for row in session.execute(statement.order_by(FileRow.shown))]


def retry_reappeared(session: Session, root_id: int, unseen: Sequence[int]) -> None:
    """A scan has found what had vanished: that is tried now, however often it was before.

    `unseen` are files that it could not look for.
    """
    waiting = or_(FailureRow.retry_at.is_(None), FailureRow.retry_at > func.now())
    found = exists().where(
        *(FileRow.id == FailureRow.file_id, FileRow.root_id == root_id, FileRow.gone_at.is_(None)),
        FileRow.id != all_(literal(list(unseen), ARRAY(BigInteger))),
    )
    vanished = update(FailureRow).where(FailureRow.code == "vanished", waiting, found)
    session.execute(vanished.values(retry_at=func.now()))


def retry(session: Session, *, everything: bool) -> int:
    """Have failures that may pass, or all of them, tried again now; returns how many."""
    chosen = (
        update(FailureRow).values(retry_at=func.now(), attempts=0).returning(FailureRow.file_id)
    )
    if not everything:
        chosen = chosen.where(FailureRow.code.in_(TRANSIENT_CODES))
    there = exists().where(FileRow.id == FailureRow.file_id, FileRow.gone_at.is_(None))
    return len(session.scalars(chosen.where(there)).all())
