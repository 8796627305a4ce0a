"""Readings of the catalog: all of its tracks, or those that changed since a moment."""

from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa
from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from soundalike.catalog.columns.changes import Moment, changed_since, reappeared
from soundalike.catalog.columns.reading import TrackFacts, facts_after, facts_by_ids, facts_of
from soundalike.catalog.columns.table import TrackColumns, concatenated, merged, plain_table

PAGE = 1000  # tracks that a statement reads
PART = 5_000  # tracks that are held as Python objects: more are long to look through for garbage


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


class ChangedTracks(NamedTuple):
    """The tracks that changed, by id, and the entries of the log that say so."""

    tracks: list[str]
    entries: set[tuple[int, str]]


async def changes(session: AsyncSession, followed: FollowedColumns, now: Moment) -> ChangedTracks:
    """Read which tracks changed since."""
    found = (await session.execute(changed_since(followed.read.xid))).all()
    pairs = {(xid, track_id) for xid, track_id in found}
    changed = {track_id for _, track_id in pairs - followed.applied if track_id}
    if followed.read.oldest_unread != now.oldest_unread:
        moved = reappeared(followed.read.oldest_unread, now.oldest_unread)
        changed.update(await session.scalars(moved))
    return ChangedTracks(sorted(changed), pairs)


async def read_changed(
    session: AsyncSession, followed: FollowedColumns, now: Moment, found: ChangedTracks
) -> bool:
    """Read the tracks that changed; return whether there are any."""
    for start in range(0, len(found.tracks), PAGE):
        page = found.tracks[start : start + PAGE]
        followed.changed |= dict.fromkeys(page)
        rows = await session.execute(facts_by_ids(page))
        followed.changed |= {row.id: facts_of(row) for row in rows}
    followed.read = now
    followed.applied = {entry for entry in found.entries if entry[0] >= now.xid}
    return bool(found.tracks)


async def everything(session: AsyncSession) -> TrackColumns:
    """Read all tracks of the catalog."""
    parts: list[pa.Table] = []
    facts: list[TrackFacts] = []
    last = ""
    while rows := (await session.execute(facts_after(last, PAGE))).all():
        facts += map(facts_of, rows)
        last = rows[-1].id
        if len(facts) >= PART:
            parts.append(await to_thread.run_sync(plain_table, facts))
            facts = []
    parts.append(await to_thread.run_sync(plain_table, facts))
    return await to_thread.run_sync(concatenated, parts)
