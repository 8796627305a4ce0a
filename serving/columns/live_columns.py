"""The live columns: mapped from the data root, and kept current by the catalog's log of changes."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog
from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from serving.columns.catalog_reading import (
    ChangedTracks,
    FollowedColumns,
    changes,
    everything,
    read_changed,
)
from serving.columns.snapshot import Snapshot
from soundalike.catalog.columns.changes import Moment, moment
from soundalike.catalog.columns.column_files import newest_moment, open_columns, write_columns
from soundalike.catalog.columns.table import TrackColumns
from soundalike.errors import StorageError
from soundalike.storage.locks import exclusive_unless_held

log = structlog.get_logger()

READING = "reading"  # locked by the worker that reads all of the catalog
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

    async def refresh(self, session: AsyncSession) -> bool:
        """Read what changed since the last time. The session sees one moment (REPEATABLE READ).

        Returns False if another worker reads all of the catalog, which this one then need not: to
        be called again with a new session. Must not be called concurrently.
        """
        now = Moment(*(await session.execute(moment())).one())
        followed, changed = await self._changes(session, now)
        if followed is None or changed is None:
            with self._alone() as alone:
                newer = await to_thread.run_sync(self._newer, followed)
                if not alone or (newer and newer.written.database == now.database):
                    return False
                whole = await everything(session)
                followed = await to_thread.run_sync(self._shared, whole, now)
            has_changed = True
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
        return True

    async def _changes(
        self, session: AsyncSession, now: Moment
    ) -> tuple[FollowedColumns | None, ChangedTracks | None]:
        """Return the columns to follow, or None, and what changed since; None is all of it.

        They are this worker's, or what another has written since, if too much changed since these.
        """
        followed = self._followed or await to_thread.run_sync(self._opened)
        changed = await _few_changes(session, followed, now)
        if followed is None or changed is not None:
            return followed, changed
        newer = await to_thread.run_sync(self._newer, followed)
        return newer or followed, await _few_changes(session, newer, now)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Yield whether no other worker is in this block; True if that cannot be told."""
        with ExitStack() as stack:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                alone = stack.enter_context(exclusive_unless_held(self._folder / READING))
            except OSError:  # nothing can be shared then either
                alone = True
            yield alone

    def _opened(self) -> FollowedColumns | None:
        """Map the columns in the data root, if there are any."""
        try:
            opened = open_columns(self._folder)
        except (OSError, StorageError) as error:
            log.warning("columns.not_opened", reason=str(error))
            return None
        return FollowedColumns(opened[0], opened[1], opened[1]) if opened else None

    def _newer(self, followed: FollowedColumns | None) -> FollowedColumns | None:
        """Map the columns that another worker has written since those were, if there are any."""
        there = newest_moment(self._folder)
        is_newer = there and (followed is None or there.is_after(followed.written))
        return self._opened() if is_newer else None

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
        if newer := self._newer(followed):
            return newer
        settled = self._shared(followed.whole, followed.read)
        settled.applied = followed.applied
        return settled


async def _few_changes(
    session: AsyncSession, followed: FollowedColumns | None, now: Moment
) -> ChangedTracks | None:
    """Read which tracks changed since; None if all are to be read."""
    if followed is None or not now.is_followed_from(followed.read):
        return None
    changed = await changes(session, followed, now)
    return changed if len(changed.tracks) <= MAX_READ_SINGLY else None
