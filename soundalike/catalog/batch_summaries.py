"""Summaries of batches: what is left to do of each, and what an index has of it.

Reading all tracks and files for that takes seconds in a large library, and sensors ask every few
seconds. So the answers are kept by batch, and triggers note which batches a transaction changed:
those, and those whose answer depends on the time, are read anew. Readers need not wait for
`settle`: what is out of date is read from the tracks and files themselves.
"""

from sqlalchemy import (
    Subquery,
    all_,
    and_,
    any_,
    delete,
    func,
    insert,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.orm import Session

from soundalike.catalog.engine import Sessions
from soundalike.catalog.lock_keys import SETTLE_LOCK
from soundalike.catalog.summary_readings import OLDEST_UNREAD, batches_read, ids_of, spaces_read
from soundalike.catalog.tables import BatchChangeRow, BatchRow, BatchSummaryRow, SpaceSummaryRow

BATCHES_AT_ONCE = 1000  # in one transaction of `settle`


def batch_summaries(session: Session) -> tuple[Subquery, Subquery]:
    """Return the summaries of all batches, as columns of BatchSummaryRow and SpaceSummaryRow."""
    old = outdated(session)
    batches = select(BatchSummaryRow.batch_id, BatchSummaryRow.due, BatchSummaryRow.embeddable)
    spaces = select(*SpaceSummaryRow.__table__.columns)
    if not old:
        return batches.subquery(), spaces.subquery()
    valid = batches.where(BatchSummaryRow.batch_id != all_(ids_of(old)))
    read = batches_read(old).subquery()
    read_batches = select(read.c.batch_id, read.c.due, read.c.embeddable)
    valid_spaces = spaces.where(SpaceSummaryRow.batch_id != all_(ids_of(old)))
    return (
        union_all(valid, read_batches).subquery(),
        union_all(valid_spaces, spaces_read(old)).subquery(),
    )


def outdated(session: Session) -> list[int]:
    """Return the batches whose summaries are out of date, in order."""
    is_valid = and_(
        BatchSummaryRow.read_at <= func.now(),  # else the clock was set back
        or_(BatchSummaryRow.valid_until.is_(None), BatchSummaryRow.valid_until > func.now()),
        or_(BatchSummaryRow.gone_before.is_(None), BatchSummaryRow.gone_before < OLDEST_UNREAD),
        or_(BatchSummaryRow.gone_from.is_(None), BatchSummaryRow.gone_from >= OLDEST_UNREAD),
    )
    valid = and_(BatchSummaryRow.batch_id == BatchRow.id, is_valid)
    expired = select(BatchRow.id).outerjoin(BatchSummaryRow, valid)
    return sorted(
        session.scalars(
            union(
                expired.where(BatchSummaryRow.batch_id.is_(None)), select(BatchChangeRow.batch_id)
            )
        )
    )


def settle(sessions: Sessions) -> None:
    """Make the summaries anew that are out of date, unless another process is doing so."""
    while _settle_some(sessions):
        pass


def _settle_some(sessions: Sessions) -> bool:
    """Settle up to BATCHES_AT_ONCE; return whether more are left."""
    with sessions.begin() as session:
        if not session.scalar(select(func.pg_try_advisory_xact_lock(SETTLE_LOCK))):
            return False
        old = outdated(session)
        some = old[:BATCHES_AT_ONCE]
        if not some:
            return False
        # First, so that the statements below see all that the deleted notes are about.
        session.execute(delete(BatchChangeRow).where(BatchChangeRow.batch_id == any_(ids_of(some))))
        for table, found in (
            (BatchSummaryRow, batches_read(some)),
            (SpaceSummaryRow, spaces_read(some)),
        ):
            session.execute(delete(table).where(table.batch_id == any_(ids_of(some))))
            names = [column.name for column in found.selected_columns]
            session.execute(insert(table).from_select(names, found))
    return len(old) > len(some)
