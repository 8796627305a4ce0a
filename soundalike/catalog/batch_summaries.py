"""Summaries of batches: what is left to do of each, and what an index has of it.

Reading all tracks and files for that takes seconds in a large library, and sensors ask every few
seconds. So the answers are kept by batch, and triggers note which batches a transaction changed:
those, and those whose answer depends on the time, are read anew. Readers need not wait for
`settle`: what is out of date is read from the tracks and files themselves.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    Text,
    all_,
    and_,
    any_,
    case,
    cast,
    delete,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.orm import Session

from soundalike.catalog.engine import Sessions
from soundalike.catalog.failures import RETRY_DELAYS
from soundalike.catalog.presence import (
    has_allowed_length,
    is_present,
    is_usable,
    not_retryable_now,
    oldest_unread,
)
from soundalike.catalog.tables import (
    BatchChangeRow,
    BatchRow,
    BatchSummaryRow,
    EmbeddedBatchRow,
    FailureRow,
    FileRow,
    SpaceSummaryRow,
    TrackRow,
    VectorRow,
)

SETTLE_LOCK = 5_011_850_007
BATCHES_AT_ONCE = 1000  # in one transaction of `settle`
_NO_BATCH = 2**63 - 1  # after every batch
_OLDEST_UNREAD = func.coalesce(oldest_unread().scalar_subquery(), _NO_BATCH)


def batch_summaries(session: Session) -> tuple[Subquery, Subquery]:
    """Return the summaries of all batches, as columns of BatchSummaryRow and SpaceSummaryRow."""
    old = outdated(session)
    batches = select(BatchSummaryRow.batch_id, BatchSummaryRow.due, BatchSummaryRow.embeddable)
    spaces = select(*SpaceSummaryRow.__table__.columns)
    if not old:
        return batches.subquery(), spaces.subquery()
    valid = batches.where(BatchSummaryRow.batch_id != all_(_ids(old)))
    read = _batches(old).subquery()
    read_batches = select(read.c.batch_id, read.c.due, read.c.embeddable)
    valid_spaces = spaces.where(SpaceSummaryRow.batch_id != all_(_ids(old)))
    return (
        union_all(valid, read_batches).subquery(),
        union_all(valid_spaces, _spaces(old)).subquery(),
    )


def outdated(session: Session) -> list[int]:
    """Return the batches whose summaries are out of date, in order."""
    is_valid = and_(
        BatchSummaryRow.read_at <= func.now(),  # else the clock was set back
        or_(BatchSummaryRow.valid_until.is_(None), BatchSummaryRow.valid_until > func.now()),
        or_(BatchSummaryRow.gone_before.is_(None), BatchSummaryRow.gone_before < _OLDEST_UNREAD),
        or_(BatchSummaryRow.gone_from.is_(None), BatchSummaryRow.gone_from >= _OLDEST_UNREAD),
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
        session.execute(delete(BatchChangeRow).where(BatchChangeRow.batch_id == any_(_ids(some))))
        for table, found in ((BatchSummaryRow, _batches(some)), (SpaceSummaryRow, _spaces(some))):
            session.execute(delete(table).where(table.batch_id == any_(_ids(some))))
            names = [column.name for column in found.selected_columns]
            session.execute(insert(table).from_select(names, found))
    return len(old) > len(some)


def _batches(batch_ids: Sequence[int]) -> Select[Any]:
    """Select the BatchSummaryRow of each of these batches, from the tracks and files."""
    due, embeddable = _due_files(batch_ids), _embeddable_tracks(batch_ids)
    attempts, gone = _next_attempts(batch_ids), _gone_files(batch_ids)
    statement = select(
        BatchRow.id.label("batch_id"),
        due.c.due,
        func.coalesce(embeddable.c.embeddable, 0).label("embeddable"),
        func.now().label("read_at"),
        attempts.c.valid_until,
        gone.c.gone_before,
        gone.c.gone_from,
    )
    for part in (due, embeddable, attempts, gone):
        statement = statement.outerjoin(part, part.c.batch_id == BatchRow.id)
    return statement.where(BatchRow.id == any_(_ids(batch_ids)))


def _due_files(batch_ids: Sequence[int]) -> Subquery:
    due = (
        *(FileRow.batch_id == any_(_ids(batch_ids)), FileRow.gone_at.is_(None)),
        or_(FileRow.unread, FileRow.track_id.is_(None)),
        ~not_retryable_now(),
    )
    files = select(FileRow.batch_id, cast(func.sum(FileRow.id), Text).label("due"))
    return files.where(*due).group_by(FileRow.batch_id).subquery("due_files")


def _embeddable_tracks(batch_ids: Sequence[int]) -> Subquery:
    tracks = _tracks(batch_ids)
    counted = select(tracks.c.batch_id, func.count().label("embeddable"))
    embeddable = counted.where(tracks.c.is_embeddable).group_by(tracks.c.batch_id)
    return embeddable.subquery("embeddable_tracks")


def _tracks(batch_ids: Sequence[int]) -> Subquery:
    """Select whether an index has each track, if it has a vector, and whether it is embeddable.

    As `has_file` and `is_embeddable` say it, for many tracks at once.
    """
    has_one = FileRow.id.is_not(None)
    any_present = func.coalesce(func.bool_or(is_present()).filter(has_one), false())
    any_usable = func.coalesce(func.bool_or(is_usable()).filter(has_one), false())
    columns = (
        *(TrackRow.id, TrackRow.batch_id),
        TrackRow.decoded_share.is_not(None).label("is_decoded"),
        and_(has_allowed_length(), any_present).label("is_kept"),
        and_(has_allowed_length(), any_usable).label("is_embeddable"),
    )
    tracks = select(*columns).outerjoin(FileRow, FileRow.track_id == TrackRow.id)
    of_batches = tracks.where(TrackRow.batch_id == any_(_ids(batch_ids)))
    return of_batches.group_by(TrackRow.id).subquery("tracks_of_batches")


def _next_attempts(batch_ids: Sequence[int]) -> Subquery:
    """Select when `not_retryable_now` changes next for files of a batch, or of its tracks."""
    longest = RETRY_DELAYS[-1]
    begins = FailureRow.retry_at - longest  # a time so far ahead comes from a wrong clock
    changes_at = case(
        (begins > func.now(), begins), (FailureRow.retry_at > func.now(), FailureRow.retry_at)
    )
    failed = FileRow.id == FailureRow.file_id
    of_files = select(FileRow.batch_id, changes_at.label("at")).join(FailureRow, failed)
    of_tracks = (
        select(TrackRow.batch_id, changes_at.label("at"))
        .join(FileRow, FileRow.track_id == TrackRow.id)
        .join(FailureRow, failed)
    )
    both = union_all(
        of_files.where(FileRow.batch_id == any_(_ids(batch_ids))),
        of_tracks.where(TrackRow.batch_id == any_(_ids(batch_ids))),
    ).subquery()
    first = select(both.c.batch_id, func.min(both.c.at).label("valid_until"))
    return first.group_by(both.c.batch_id).subquery("next_attempts")


def _gone_files(batch_ids: Sequence[int]) -> Subquery:
    """Select the batches next to the oldest unread one as of which files of tracks are gone."""
    as_of = FileRow.gone_as_of_batch
    before = func.max(case((as_of < _OLDEST_UNREAD, as_of))).label("gone_before")
    since = func.min(case((as_of >= _OLDEST_UNREAD, as_of))).label("gone_from")
    missing = TrackRow.batch_id == any_(_ids(batch_ids)), FileRow.gone_at.is_not(None)
    files = select(TrackRow.batch_id, before, since).join(FileRow, FileRow.track_id == TrackRow.id)
    return files.where(*missing).group_by(TrackRow.batch_id).subquery("gone_files")


def _spaces(batch_ids: Sequence[int]) -> Select[Any]:
    """Select the SpaceSummaryRow of each space of these batches, from the vectors and tracks."""
    tracks = _tracks(batch_ids)
    is_kept, is_whole = tracks.c.is_kept, and_(tracks.c.is_embeddable, tracks.c.is_decoded)
    vectors = (
        select(
            *(VectorRow.space, VectorRow.batch_id),
            func.count().filter(is_kept).label("kept"),
            func.array_agg(VectorRow.row).filter(is_kept).label("kept_rows"),
            func.count().filter(is_whole).label("whole"),
        )
        .join(tracks, tracks.c.id == VectorRow.track_id)
        .where(VectorRow.batch_id == any_(_ids(batch_ids)))
        .group_by(VectorRow.space, VectorRow.batch_id)
        .subquery("kept_vectors")
    )
    recorded = (
        select(EmbeddedBatchRow)
        .where(EmbeddedBatchRow.batch_id == any_(_ids(batch_ids)))
        .subquery("recorded")
    )
    same = and_(vectors.c.space == recorded.c.space, vectors.c.batch_id == recorded.c.batch_id)
    kept = func.coalesce(vectors.c.kept, 0)
    return select(
        func.coalesce(recorded.c.space, vectors.c.space).label("space"),
        func.coalesce(recorded.c.batch_id, vectors.c.batch_id).label("batch_id"),
        *(recorded.c.sha256, recorded.c.rows, recorded.c.embedded_at),
        kept.label("kept"),
        case((kept != recorded.c.rows, vectors.c.kept_rows)).label("kept_rows"),
        func.coalesce(vectors.c.whole, 0).label("whole"),
    ).select_from(recorded.outerjoin(vectors, same, full=True))


def _ids(batch_ids: Sequence[int]) -> ColumnElement[Any]:
    """Return an array parameter: a statement takes at most 65 535 parameters."""
    return literal(list(batch_ids), ARRAY(BigInteger))
