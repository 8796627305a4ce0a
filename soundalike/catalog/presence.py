"""Conditions shared by statements: the files and tracks that are in the library now."""

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from soundalike.catalog.failures import RETRY_DELAYS
from soundalike.catalog.tables import FailureRow, FileRow, FileWordsRow, LengthRuleRow, TrackRow

_Unread = aliased(FileRow)
_MAY_BE_MOVED = _Unread.tags_version < 0  # its audio is not known yet
_NEVER_RETRIED = exists().where(FailureRow.file_id == _Unread.id, FailureRow.retry_at.is_(None))
_OLDEST_UNREAD = (
    select(func.min(_Unread.batch_id))
    .where(_Unread.unread, _Unread.gone_at.is_(None), _MAY_BE_MOVED, ~_NEVER_RETRIED)
    .scalar_subquery()
)


def is_present() -> ColumnElement[bool]:
    """Condition on FileRow: the last scan listed the file, or it may only have moved.

    A missing file counts as present while a batch sealed up to then has unread files: if it moved,
    it is among them, and its track must not be out of the index in between.
    """
    return or_(FileRow.gone_at.is_(None), FileRow.gone_as_of_batch >= _OLDEST_UNREAD)


def oldest_unread() -> Select[int | None]:
    """Select the oldest batch with files that may have moved: `is_present` depends on nothing else.

    It is None where there is none.
    """
    return select(_OLDEST_UNREAD)


def not_retryable_now() -> ColumnElement[bool]:
    """Condition on FileRow: the file failed, and its next attempt is not due yet, or never.

    A time further ahead than the longest retry delay comes from a wrong clock: it counts as due.
    """
    latest = func.now() + RETRY_DELAYS[-1]
    not_due = and_(FailureRow.retry_at > func.now(), FailureRow.retry_at <= latest)
    return exists().where(
        FailureRow.file_id == FileRow.id, or_(FailureRow.retry_at.is_(None), not_due)
    )


def has_file() -> ColumnElement[bool]:
    """Condition on TrackRow: a file of the track `is_present`."""
    return exists().where(FileRow.track_id == TrackRow.id, is_present())


def words_are_present() -> ColumnElement[bool]:
    """Condition on FileWordsRow: its file `is_present`, read from the few files that are gone."""
    gone = FileRow.gone_at.is_not(None), is_present().is_not(True)
    return ~exists().where(FileRow.id == FileWordsRow.file_id, *gone)


def has_allowed_length() -> ColumnElement[bool]:
    """Condition on TrackRow: the length is within the length rule, or not known yet."""
    too_short_or_long = or_(
        TrackRow.duration < LengthRuleRow.shortest, TrackRow.duration > LengthRuleRow.longest
    )
    return ~exists().where(too_short_or_long)


def is_due() -> ColumnElement[bool]:
    """Condition on FileRow: the file is listed, and is to be read now."""
    to_read = or_(FileRow.unread, FileRow.track_id.is_(None))
    return and_(FileRow.gone_at.is_(None), to_read, ~not_retryable_now())


def is_usable() -> ColumnElement[bool]:
    """Condition on FileRow: the file is listed, was read, and may be tried now."""
    return and_(FileRow.gone_at.is_(None), ~FileRow.unread, ~not_retryable_now())


def is_embeddable() -> ColumnElement[bool]:
    """Condition on TrackRow: allowed length, and a file that was read and may be tried now."""
    usable = exists().where(FileRow.track_id == TrackRow.id, is_usable())
    return and_(has_allowed_length(), usable)
