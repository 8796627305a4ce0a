"""The live columns: mapped from the data root, and kept current by the catalog's log of changes."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import structlog
from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from serving.columns.snapshot import Snapshot
from soundalike.catalog.columns.changes import Moment, changed_since, moment, reappeared
from soundalike.catalog.columns.column_files import newest_moment, open_columns, write_columns
from soundalike.catalog.columns.reading import TrackFacts, facts_after, facts_by_ids, facts_of
from soundalike.catalog.columns.table import TrackColumns, concatenated, merged
from soundalike.errors import StorageError

log = structlog.get_logger()

PAGE = 1000  # tracks that a statement reads
PART = 50_000  # tracks that are held as Python objects
MAX_CHANGED = 2000  # tracks beside the mapped columns; more, and those are written again
MAX_READ_SINGLY = 20_000  # changed tracks; with more, such as a root's new name, all are read


@dataclass(eq=False)
class FollowedColumns:
    """A base as of a moment, what changed since, and the newest moment that was read."""

    base: TrackColumns
    written: Moment
    read: Moment
    changed: dict[str, TrackFacts | None] = field(default_factory=dict)
    applied: set[tuple[int, str]] = field(default_factory=set)

    @property
    def newer(self) -> TrackColumns:
        """The columns of what changed; tracks that are gone are not in them."""
        return TrackColumns.of(facts for facts in self.changed.values() if facts)

    @property
    def whole(self) -> TrackColumns:
        """The base with what changed."""
        rows = self.base.rows_of(list(self.changed))
        return merged(self.base, rows[rows >= 0], self.newer)


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
            changed = await _changes(session, followed, now)
        if followed is None or changed is None or len(changed.tracks) > MAX_READ_SINGLY:
            whole = await _everything(session)
            followed, has_changed = await to_thread.run_sync(self._shared, whole, now), True
        else:
            has_changed = await _read(session, followed, now, changed)
            if len(followed.changed) > MAX_CHANGED:
                followed = await to_thread.run_sync(self._settled, followed)
                await _read(session, followed, now, await _changes(session, followed, now))
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


class ChangedTracks(NamedTuple):
    """The tracks that changed, by id, and the entries of the log that say so."""

    tracks: list[str]
    entries: set[tuple[int, str]]


async def _changes(session: AsyncSession, followed: FollowedColumns, now: Moment) -> ChangedTracks:
    """Read which tracks changed since."""
    found = (await session.execute(changed_since(followed.read.xid))).all()
    pairs = {(xid, track_id) for xid, track_id in found}
    changed = {track_id for _, track_id in pairs - followed.applied if track_id}
    if followed.read.oldest_unread != now.oldest_unread:
        moved = reappeared(followed.read.oldest_unread, now.oldest_unread)
        changed.update(await session.scalars(moved))
    return ChangedTracks(sorted(changed), pairs)


async def _read(
    session: AsyncSession, followed: FollowedColumns, now: Moment, changes: ChangedTracks
) -> bool:
    """Read the tracks that changed; return whether there are any."""
    for start in range(0, len(changes.tracks), PAGE):
        page = changes.tracks[start : start + PAGE]
        followed.changed |= dict.fromkeys(page)
        rows = await session.execute(facts_by_ids(page))
        followed.changed |= {row.id: facts_of(row) for row in rows}
    followed.read = now
    followed.applied = {entry for entry in changes.entries if entry[0] >= now.xid}
    return bool(changes.tracks)


async def _everything(session: AsyncSession) -> TrackColumns:
    """Read all tracks of the catalog."""
    parts: list[TrackColumns] = []
    facts: list[TrackFacts] = []
    last = ""
    while rows := (await session.execute(facts_after(last, PAGE))).all():
        facts += map(facts_of, rows)
        last = rows[-1].id
        if len(facts) >= PART:
            parts.append(await to_thread.run_sync(TrackColumns.of, facts))
            facts = []
    parts.append(await to_thread.run_sync(TrackColumns.of, facts))
    return await to_thread.run_sync(concatenated, parts)
