"""The live columns: mapped from the data root, and kept current by the catalog's log of changes."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import structlog
from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from serving.columns.catalog_reading import FollowedColumns, changes, everything, read_changed
from serving.columns.snapshot import Snapshot
from soundalike.catalog.columns.building import columns_of
from soundalike.catalog.columns.changes import Moment, moment
from soundalike.catalog.columns.column_files import newest_moment, open_columns, write_columns
from soundalike.catalog.columns.table import TrackColumns
from soundalike.errors import StorageError
from soundalike.storage.locks import exclusive_unless_held

log = structlog.get_logger()

READING = "reading"  # locked by the worker that reads all of the catalog
OTHERS_READ_SECONDS, LOOK_SECONDS = 900.0, 0.5
MAX_CHANGED = 2000  # tracks beside the mapped columns; more, and those are written again
MAX_READ_SINGLY = 20_000  # changed tracks; with more, such as a root's new name, all are read


class LiveColumns:
    """The newest snapshot of the columns, and whether the catalog responds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._followed: FollowedColumns | None = None
        self._unread_since: float | None = None
        self._has_waited = False  # for another worker's reading
        none = columns_of(())  # not while modules are imported: pyarrow imports pandas for it
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

        Returns False if all of the catalog is to be read and another worker does or did: then, once
        `others_read` has returned, it is to be called again with a new session. Must not be called
        concurrently.
        """
        now = Moment(*(await session.execute(moment())).one())
        followed, changed = await self._changes(session, now)
        if followed is None or changed is None:
            with self._alone() as alone:
                newer = await to_thread.run_sync(self._newer, followed, now)
                is_read = newer or (followed and followed.written.is_after(now))
                if not self._has_waited and (is_read or not alone):
                    self._has_waited = True  # whatever comes of it, it is read here the next time
                    return False
                followed = await to_thread.run_sync(
                    self._shared, await everything(session, self._folder), now
                )
        else:
            await read_changed(session, followed, now, changed)
            if len(followed.changed) > MAX_CHANGED:
                followed = await self._settled(session, followed, now)
        if changed != [] or followed is not self._followed:
            self._followed = followed
            self.snapshot = Snapshot(
                self.snapshot.revision + 1,
                followed.base,
                await to_thread.run_sync(lambda: followed.newer),
                frozenset(followed.changed),
            )
        self.read_before, self._unread_since, self._has_waited = now.xid, None, False
        return True

    async def others_read(self) -> None:
        """Wait until no other worker reads all of the catalog, but not for ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(OTHERS_READ_SECONDS):
                while True:
                    with self._alone() as alone:
                        if alone:
                            return
                    await asyncio.sleep(LOOK_SECONDS)

    async def _changes(
        self, session: AsyncSession, now: Moment
    ) -> tuple[FollowedColumns | None, list[str] | None]:
        """Return the columns to follow, or None, and what changed since; None is all of it.

        They are this worker's, or what another has written since, if too much changed since these.
        """
        followed = self._followed or await to_thread.run_sync(self._opened)
        if followed is None:
            return None, None
        changed = await changes(session, followed, now, MAX_READ_SINGLY)
        if changed is None and (newer := await to_thread.run_sync(self._newer, followed, now)):
            return newer, await changes(session, newer, now, MAX_READ_SINGLY)
        return followed, changed

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

    def _newer(self, followed: FollowedColumns | None, now: Moment) -> FollowedColumns | None:
        """Map columns of this catalog that another worker has written, if they are others."""
        there = newest_moment(self._folder)
        if there is None or there.database != now.database:
            return None
        return self._opened() if followed is None or there != followed.written else None

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

    async def _settled(
        self, session: AsyncSession, followed: FollowedColumns, now: Moment
    ) -> FollowedColumns:
        """Put what changed into the base, or take the one that another worker has written."""
        newer = await to_thread.run_sync(self._newer, followed, now)
        changed = await changes(session, newer, now, MAX_READ_SINGLY) if newer else None
        if newer is None or changed is None:
            return await to_thread.run_sync(lambda: self._shared(followed.whole(self._folder), now))
        await read_changed(session, newer, now, changed)
        return newer
