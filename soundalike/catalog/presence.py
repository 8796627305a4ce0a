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
    """Of a File: it was there at the last scan, or it may only have moved.

    What is gone stays until the files found up to then are read: a moved file is among them, and
    its track must not be out of the index in between.
    """
    return or_(FileRow.gone_at.is_(None), FileRow.gone_as_of_batch >= _OLDEST_UNREAD)


def awaiting_retry() -> ColumnElement[bool]:
    """Of a File: it did not get through, and is not to be tried again yet.

    A time further ahead than anything waits was told by a clock that was wrong: it is due.
    """
    not_yet = FailureRow.retry_at > func.now(), FailureRow.retry_at <= func.now() + RETRY_DELAYS[-1]
    waiting = or_(FailureRow.retry_at.is_(None), and_(*not_yet))
    return exists().where(FailureRow.file_id == FileRow.id, waiting)


def has_file() -> ColumnElement[bool]:
    """Of a Track: a file that `is_there`."""
    return exists().where(FileRow.track_id == TrackRow.id, is_present())


def has_allowed_length() -> ColumnElement[bool]:
    """Of a Track: its length is not left out by the rule, as far as it is known."""
    too_short_or_long = or_(
        TrackRow.duration < LengthRuleRow.shortest, TrackRow.duration > LengthRuleRow.longest
    )
    return ~exists().where(too_short_or_long)


def is_embeddable() -> ColumnElement[bool]:
    """Of a Track: it fits, and has a file that is there now, was read, and did not fail."""
    usable = (
        FileRow.track_id == TrackRow.id,
        FileRow.gone_at.is_(None),
        ~FileRow.unread,
        ~awaiting_retry(),
    )
    return and_(has_allowed_length(), exists().where(*usable))
