"""Changes: which tracks to read again, by the log of transactions that triggers keep."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnClause,
    Select,
    Text,
    all_,
    func,
    literal,
    literal_column,
    select,
)

from soundalike.catalog.presence import oldest_unread
from soundalike.catalog.tables import FileRow, TrackChangeRow

TRACKS_CHANNEL = "soundalike_tracks"  # of the triggers' notifications
_OLDEST_RUNNING = literal_column(
    "pg_snapshot_xmin(pg_current_snapshot())::text::bigint", BigInteger
)
_DATABASE: ColumnClause[str] = literal_column(
    "(select system_identifier::text from pg_control_system()) || '-' || "
    "(select oid from pg_database where datname = current_database())",
    Text,
)


@dataclass(frozen=True)
class Moment:
    """A moment of a catalog: what a reader of that moment saw.

    Of transactions before `xid` all that will ever be committed was; of later ones that changed
    tracks, those of `later`. `database` is no other one's, also after a restore. `oldest_unread`:
    see `presence`. `log_begins`: the log of changes is whole from that transaction on.
    """

    database: str
    xid: int
    oldest_unread: int | None
    log_begins: int
    later: list[int] = field(default_factory=list)

    def is_after(self, other: "Moment") -> bool:
        """Return whether a reader of this moment saw more of the same catalog."""
        return self.database == other.database and self._seen > other._seen

    def is_followed_from(self, earlier: "Moment") -> bool:
        """Return whether the log of this moment has all that changed since the earlier one."""
        same = self.database == earlier.database
        return same and self.log_begins <= earlier.xid and earlier._seen <= self._seen

    @property
    def _seen(self) -> tuple[int, int]:
        return self.xid, len(self.later)


def moment() -> Select[str, int, int | None, int, list[int]]:
    """Select the fields of the transaction's own Moment."""
    known = select(TrackChangeRow.xid).where(TrackChangeRow.xid >= _OLDEST_RUNNING).distinct()
    later = known.order_by(TrackChangeRow.xid)
    return select(
        _DATABASE,
        _OLDEST_RUNNING,
        oldest_unread().scalar_subquery(),
        func.coalesce(select(func.min(TrackChangeRow.xid)).scalar_subquery(), 0),
        func.array(later.scalar_subquery(), type_=ARRAY(BigInteger)),
    )


def changed_since(moment: Moment) -> Select[str]:
    """Select the tracks that were changed since."""
    applied = literal(list(moment.later), ARRAY(BigInteger))
    since = TrackChangeRow.xid >= moment.xid, TrackChangeRow.xid != all_(applied)
    return select(TrackChangeRow.track_id).where(*since, TrackChangeRow.track_id != "").distinct()


def reappeared(before: int | None, now: int | None) -> Select[Any]:
    """Select the tracks of missing files that may count as present at one of two moments only.

    `before` and `now` are the moments' `oldest_unread`.
    """
    known = sorted(batch for batch in {before, now} if batch is not None)
    since = [FileRow.gone_as_of_batch >= batch for batch in known[:1]]
    until = [FileRow.gone_as_of_batch < batch for batch in known[1:]]
    missing = FileRow.gone_at.is_not(None), FileRow.track_id.is_not(None)
    return select(FileRow.track_id).where(*missing, *since, *until).distinct()
