"""Readings of the catalog: all of its tracks, or those that changed since a moment."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from soundalike.catalog.columns.building import (
    PLAIN,
    columns_of,
    concatenated,
    merged,
    plain_table,
)
from soundalike.catalog.columns.changes import Moment, changed_since, reappeared
from soundalike.catalog.columns.reading import TrackFacts, facts_after, facts_by_ids, facts_of
from soundalike.catalog.columns.spill import Spill
from soundalike.catalog.columns.table import TrackColumns

PAGE = 1000  # tracks that a statement reads
PART = 5_000  # tracks that are held as Python objects: more are long to look through for garbage


@dataclass(eq=False)
class FollowedColumns:
    """A base as of a moment, what changed since, and the newest moment that was read."""

    base: TrackColumns
    written: Moment
    read: Moment
    changed: dict[str, TrackFacts | None] = field(default_factory=dict)

    @property
    def newer(self) -> TrackColumns:
        """The columns of what changed; tracks that are gone are not in them."""
        return columns_of(facts for facts in self.changed.values() if facts)

    def whole(self, folder: Path) -> TrackColumns:
        """Return the base with what changed, by spill files in the folder."""
        rows = self.base.rows_of(list(self.changed))
        return merged(self.base, rows[rows >= 0], self.newer, folder)


async def changes(
    session: AsyncSession, followed: FollowedColumns, now: Moment, most: int
) -> list[str] | None:
    """Read which tracks changed since; None for more than that many, or if it cannot be told."""
    if not now.is_followed_from(followed.read):
        return None
    changed = set(await session.scalars(changed_since(followed.read).limit(most + 1)))
    if followed.read.oldest_unread != now.oldest_unread:
        moved = reappeared(followed.read.oldest_unread, now.oldest_unread)
        changed.update(await session.scalars(moved.limit(most + 1)))
    return sorted(changed) if len(changed) <= most else None


async def read_changed(
    session: AsyncSession, followed: FollowedColumns, now: Moment, track_ids: Sequence[str]
) -> None:
    """Read the tracks that changed until now."""
    for start in range(0, len(track_ids), PAGE):
        page = track_ids[start : start + PAGE]
        followed.changed |= dict.fromkeys(page)
        rows = await session.execute(facts_by_ids(page))
        followed.changed |= {row.id: facts_of(row) for row in rows}
    followed.read = now


async def everything(session: AsyncSession, folder: Path) -> TrackColumns:
    """Read all tracks of the catalog, by spill files in the folder."""
    with Spill(folder, PLAIN) as spill:
        facts: list[TrackFacts] = []
        last = ""
        while rows := (await session.execute(facts_after(last, PAGE))).all():
            facts += map(facts_of, rows)
            last = rows[-1].id
            if len(facts) >= PART:
                await to_thread.run_sync(_add, spill, facts)
                facts = []
        await to_thread.run_sync(_add, spill, facts)
        return await to_thread.run_sync(concatenated, spill)


def _add(spill: Spill, facts: list[TrackFacts]) -> None:
    spill.add(plain_table(facts))
