"""Failures: the files that failed, in which stage and why, and when they are retried."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
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

from soundalike.catalog.shown_paths import begins_with
from soundalike.catalog.tables import FailureRow, FileRow, RootRow

# Failures that may be transient. Any other is due to the file itself, and would be repeated.
TRANSIENT_CODES = frozenset(
    ("vanished", "changed", "unreadable", "no_room", "damaged", "stalled", "decoder_died")
)
# Growing delays; after the last of them only `soundalike failures retry` tries again.
RETRY_DELAYS = tuple(dt.timedelta(minutes=m) for m in (5, 20, 80, 320, 1440, 10_080))


@dataclass(frozen=True)
class FailureView:
    """A failure as users see it; `retry_at` is None if it is not retried automatically.

    `root` is the name of the file's music root, `place` that one's folder or URL.
    """

    file_id: int
    root: str
    place: bytes
    path: str
    track_id: str | None
    stage: str
    code: str
    message: str
    attempts: int
    failed_at: dt.datetime
    retry_at: dt.datetime | None


@dataclass(frozen=True)
class FailureFilter:
    """A selection of failures; what is empty selects all. `path_prefix` is of `FileRow.shown`."""

    codes: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    path_prefix: str | None = None


ALL_FAILURES = FailureFilter()
_VIEW: tuple[Any, ...] = (
    *(FileRow.id, RootRow.name, RootRow.location, FileRow.shown, FileRow.track_id),
    *(FailureRow.stage, FailureRow.code, FailureRow.message),
    *(FailureRow.attempts, FailureRow.failed_at, FailureRow.retry_at),
)


def retry_delay(code: str, attempts: int) -> dt.timedelta | None:
    """Return the delay before the next attempt, after `attempts` of them; None for no retry."""
    is_retried = code in TRANSIENT_CODES and attempts <= len(RETRY_DELAYS)
    return RETRY_DELAYS[attempts - 1] if is_retried else None


def page(
    limit: int, after: tuple[int, str] | None = None, chosen: FailureFilter = ALL_FAILURES
) -> Select[Any]:
    """Select up to `limit` failures of listed files, by (file id, stage), after such a pair."""
    position = tuple_(FailureRow.file_id, FailureRow.stage)
    statement = (
        select(*_VIEW)
        .select_from(FailureRow)
        .join(FileRow, FileRow.id == FailureRow.file_id)
        .join(RootRow, RootRow.id == FileRow.root_id)
        .where(*_selected(chosen))
        .order_by(position)
        .limit(limit)
    )
    return statement.where(position > tuple_(*after)) if after else statement


def count(chosen: FailureFilter = ALL_FAILURES) -> Select[int]:
    """Select the number of failures of listed files."""
    of_listed = exists().where(FileRow.id == FailureRow.file_id, *_selected(chosen))
    return select(func.count()).select_from(FailureRow).where(of_listed)


def _selected(chosen: FailureFilter) -> list[ColumnElement[bool]]:
    """Conditions on failures and their files, which must be listed."""
    held: list[ColumnElement[bool]] = [FileRow.gone_at.is_(None)]
    if chosen.codes:
        held.append(FailureRow.code.in_(chosen.codes))
    if chosen.stages:
        held.append(FailureRow.stage.in_(chosen.stages))
    if chosen.path_prefix:
        held.append(begins_with(chosen.path_prefix))
    return held


def failures_of(session: Session, batch_ids: Sequence[int]) -> list[FailureView]:
    """Return the failures of these batches' listed files, by path."""
    statement = page(limit=10_000).where(FailureRow.batch_id.in_(batch_ids)).order_by(None)
    return [FailureView(*row) for row in session.execute(statement.order_by(FileRow.shown))]


def retry_reappeared(session: Session, root_id: int, unseen: Sequence[int]) -> None:
    """Make failures of vanished files due now if a scan has listed the files again.

    The number of attempts does not matter. `unseen` are ids of files in places that the scan could
    not list.
    """
    waiting = or_(FailureRow.retry_at.is_(None), FailureRow.retry_at > func.now())
    reappeared = exists().where(
        *(FileRow.id == FailureRow.file_id, FileRow.root_id == root_id, FileRow.gone_at.is_(None)),
        FileRow.id != all_(literal(list(unseen), ARRAY(BigInteger))),
    )
    vanished = update(FailureRow).where(FailureRow.code == "vanished", waiting, reappeared)
    session.execute(vanished.values(retry_at=func.now()))


def retry(session: Session, *, everything: bool, chosen: FailureFilter = ALL_FAILURES) -> int:
    """Make transient failures, or all, due now, with no attempts counted; return how many."""
    of_listed = exists().where(FileRow.id == FailureRow.file_id, *_selected(chosen))
    due = update(FailureRow).values(retry_at=func.now(), attempts=0).where(of_listed)
    if not everything:
        due = due.where(FailureRow.code.in_(TRANSIENT_CODES))
    return len(session.scalars(due.returning(FailureRow.file_id)).all())
