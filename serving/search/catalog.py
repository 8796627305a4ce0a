"""The catalog as a search sees it: columns of one moment, and sessions for what those lack."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncSession

from serving.columns.snapshot import Snapshot
from serving.errors import RETRY_LATER, Problem
from soundalike.catalog.tracks import TrackView, tags_of

OpenSession = Callable[[], AbstractAsyncContextManager[AsyncSession]]


async def with_all_tags(
    session: AsyncSession, views: Mapping[str, TrackView]
) -> dict[str, TrackView]:
    """Return the tracks with all their tags, where views have the strongest."""
    all_tags = dict((await session.execute(tags_of(list(views)))).tuples().all())
    return {id_: replace(view, tags=all_tags.get(id_, [])) for id_, view in views.items()}


@dataclass(frozen=True)
class SearchCatalog:
    """The columns of one moment, which a request takes once, so that its answer is consistent.

    `stale_seconds`: the seconds since the catalog does not respond, None if it does.
    """

    columns: Snapshot
    open_session: OpenSession
    stale_seconds: float | None

    async def with_all_tags(self, views: Mapping[str, TrackView]) -> dict[str, TrackView]:
        """Read all tags of these tracks, of which the columns have the strongest."""
        async with self.open_session() as session:
            return await with_all_tags(session, views)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of answers: RFC 9211 says that one is stale, since when, and why."""
        if self.stale_seconds is None:
            return {}
        status = f"soundalike; hit; ttl=-{self.stale_seconds:.0f}; detail=catalog-unreachable"
        return {"Cache-Status": status}


def known_columns(catalog: SearchCatalog) -> Snapshot:
    """Return the columns. Raises Problem: 503 if none were ever read, as the catalog is away."""
    if catalog.columns.revision == 0:
        detail = "the catalog's PostgreSQL has not responded yet; try again in a moment"
        raise Problem(503, "catalog-unreachable", detail, RETRY_LATER)
    return catalog.columns
