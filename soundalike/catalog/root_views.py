"""Music roots as users see them, with the number of their tracks and files."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from soundalike.catalog.presence import is_present
from soundalike.catalog.tables import FileRow, RootRow
from soundalike.sources.roots import MusicRoot


@dataclass(frozen=True)
class RootView:
    """A music root; `location` is its folder or URL, which is not for everyone to see.

    `tracks` are those with a file in it, `files` those that the last scan listed. `problems` are
    that scan's, and may name the location.
    """

    name: str
    location: bytes
    scanned_at: dt.datetime | None
    problems: list[str]
    tracks: int
    files: int

    @property
    def root(self) -> MusicRoot:
        """The root that it stands for."""
        return MusicRoot(self.location)

    @property
    def problems_without_location(self) -> list[str]:
        """The problems, with the root's name where they name its location."""
        return [problem.replace(self.root.shown, self.name) for problem in self.problems]


def all_roots() -> Select[Any]:
    """Select the library's roots, oldest first; each row is a RootView's."""
    counts = (
        select(
            FileRow.root_id,
            func.count(FileRow.track_id.distinct()).filter(is_present()).label("tracks"),
            func.count().filter(FileRow.gone_at.is_(None)).label("files"),
        )
        .group_by(FileRow.root_id)
        .subquery()
    )
    tracks, files = (func.coalesce(column, 0) for column in (counts.c.tracks, counts.c.files))
    described: tuple[Any, ...] = (
        *(RootRow.name, RootRow.location, RootRow.scanned_at, RootRow.problems),
        *(tracks, files),
    )
    return (
        select(*described)
        .outerjoin(counts, counts.c.root_id == RootRow.id)
        .where(RootRow.removed_at.is_(None))
        .order_by(RootRow.id)
    )
