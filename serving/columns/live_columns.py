"""The live columns: mapped from the data root, and kept current by the catalog's log of changes."""

import time
from pathlib import Path

import structlog
from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from serving.columns.catalog_reading import FollowedColumns, changes, everything, read_changed
from serving.columns.snapshot import Snapshot
from soundalike.catalog.columns.changes import Moment, moment
from soundalike.catalog.columns.column_files import newest_moment, open_columns, write_columns
from soundalike.catalog.columns.table import TrackColumns
from soundalike.errors import StorageError

log = structlog.get_logger()

MAX_CHANGED = 2000  # tracks beside the mapped columns; more, and those are written again
MAX_READ_SINGLY = 20_000  # changed tracks; with more, such as a root's new name, all are read


class LiveColumns:
    """The newest snapshot of the columns, and whether the catalog responds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._followed: FollowedColumns | None = None
        self._unread_since: float | None = None
        none = TrackColumns.of(())  # not while modules are imported: pyarrow imports pandas for it
        self.snapshot = Snapshot(0, none, none)
        self.read_before = 0  # the snapshot has what earlier transactions changed

    @property
    def stale_seconds(self) -> float | None:
        """The seconds since the catalog does not respond; None if it does."""
        return None if self._unread_since is None else time.monotonic() - self._unread_since

    def catalog_is_away(self) -> None:
        """Note that the catalog could not be read."""
        self._unread_since = self._unread_since or time.monotonic()

    async def refresh(self, session: AsyncSession) -> None:
        """Read what changed since the last time. The session sees one moment (REPEATABLE READ).

        Must not be called concurrently.
        """
        now = Moment(*(await session.execute(moment())).one())
        followed = self._followed or await to_thread.run_sync(self._opened)
        changed = None
        if followed and now.is_followed_from(followed.read):
            changed = await changes(session, followed, now)
        if followed is None or changed is None or len(changed.tracks) > MAX_READ_SINGLY:
            whole = await everything(session)
            followed, has_changed = await to_thread.run_sync(self._shared, whole, now), True
        else:
            has_changed = await read_changed(session, followed, now, changed)
            if len(followed.changed) > MAX_CHANGED:
                followed = await to_thread.run_sync(self._settled, followed)
                await read_changed(session, followed, now, await changes(session, followed, now))
        if has_changed or followed is not self._followed:
            self._followed = followed
            self.snapshot = Snapshot(
                self.snapshot.revision + 1,
                followed.base,
                await to_thread.run_sync(lambda: followed.newer),
                frozenset(followed.changed),
            )
        self.read_before, self._unread_since = now.xid, None

    def _opened(self) -> FollowedColumns | None:
        """Map the columns in the data root, if there are any."""
        try:
            opened = open_columns(self._folder)
        except (OSError, StorageError) as error:
            log.warning("columns.not_opened", reason=str(error))
            return None
        return FollowedColumns(opened[0], opened[1], opened[1]) if opened else None

    def _shared(self, columns: TrackColumns, read: Moment) -> FollowedColumns:
        """Write the columns, and map them, so that workers share the memory."""
        try:
            write_columns(self._folder, columns, read)
        except (OSError, StorageError) as error:  # each worker has its own then
            log.warning("columns.not_written", reason=str(error))
        log.info("columns.read", tracks=len(columns))
        opened = self._opened()
        if opened and opened.written == read:
            return opened
        return FollowedColumns(columns, read, read)

    def _settled(self, followed: FollowedColumns) -> FollowedColumns:
        """Put what changed into the base, or take the one that another worker has written."""
        there = newest_moment(self._folder)
        if there and there.is_after(followed.written) and (opened := self._opened()):
            return opened
        settled = self._shared(followed.whole, followed.read)
        settled.applied = followed.applied
        return settled
