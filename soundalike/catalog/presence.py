"""Which files and tracks are in the library now: the conditions that statements share."""

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from soundalike.catalog.failures import RETRY_DELAYS
from soundalike.catalog.tables import FailureRow, FileRow, LengthRuleRow, TrackRow

_Unread = aliased(FileRow)
_GIVEN_UP = exists().where(FailureRow.file_id == _Unread.id, FailureRow.retry_at.is_(None))
_OLDEST_UNREAD = (
    select(func.min(_Unread.batch_id))
    .where(_Unread.unread, _Unread.gone_at.is_(None), ~_GIVEN_UP)
    .scalar_subquery()
)


def is_present() -> ColumnElement[bool]:
    """A condition on FileRow: it was there at the last scan, or it may only have moved.

    A missing file counts as present until the files found up to then are read: a moved file is
    among them, and its track must not be out of the index in between.
    """
    return or_(FileRow.gone_at.is_(None), FileRow.gone_as_of_batch >= _OLDEST_UNREAD)


def awaiting_retry() -> ColumnElement[bool]:
    """A condition on FileRow: it failed, and its next try is not due yet, or never.

    A time further ahead than any retry delay was told by a clock that was wrong: it is due.
    """
    latest = func.now() + RETRY_DELAYS[-1]
    not_due = and_(FailureRow.retry_at > func.now(), FailureRow.retry_at <= latest)
    return exists().where(
        FailureRow.file_id == FileRow.id, or_(FailureRow.retry_at.is_(None), not_due)
    )


def has_file() -> ColumnElement[bool]:
    """A condition on TrackRow: a file of it `is_present`."""
    return exists().where(FileRow.track_id == TrackRow.id, is_present())


def has_allowed_length() -> ColumnElement[bool]:
    """A condition on TrackRow: the length rule does not leave it out, as far as it is known."""
    too_short_or_long = or_(
        TrackRow.duration < LengthRuleRow.shortest, TrackRow.duration > LengthRuleRow.longest
    )
    return ~exists().where(too_short_or_long)


def is_embeddable() -> ColumnElement[bool]:
    """A condition on TrackRow: of allowed length, with a file that was read and can be tried."""
    readable = FileRow.gone_at.is_(None), ~FileRow.unread, ~awaiting_retry()
    usable = exists().where(FileRow.track_id == TrackRow.id, *readable)
    return and_(has_allowed_length(), usable)
