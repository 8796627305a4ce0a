"""The search service: the index says what is near and the catalog what may be shown, in turns."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
from anyio import to_thread
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncSession

from serving.errors import Problem
from serving.index.live_index import ServedIndex
from serving.metrics import Metrics
from serving.schemas.requests import Filters
from serving.search.tracks import metadata_of, require_indexed, views_of
from soundalike.catalog.filters import TrackFilter, ids_of, matching
from soundalike.catalog.tracks import TrackView
from soundalike.vectors.paths import Path
from soundalike.vectors.queries import TrackQuery
from soundalike.vectors.ranking import Ranking, Result

Made = TypeVar("Made")


async def search_tracks(
    session: AsyncSession,
    served: ServedIndex,
    metrics: Metrics,
    query: TrackQuery,
    filters: Filters,
    limit: int,
) -> tuple[list[Result], dict[str, TrackView]]:
    """The first `limit` results, and the tracks they are, with the query's own."""
    await require_indexed(session, served, query.track_ids)
    rows = await _allowed_rows(session, served, filters.in_catalog)
    ranking = _with_a_direction(
        lambda: Ranking(served.index, query, limit, rows, tuple(filters.exclude))
    )
    while (next_query := ranking.next_query) is not None:
        await session.rollback()  # no connection is held while searching
        with metrics.search_seconds.time():
            [hits] = await served.search([next_query])
        metadata = await metadata_of(session, ranking.without_metadata(hits))
        await _aside(query.options.compares_results, lambda: ranking.add(hits, metadata))  # noqa: B023 - awaited
    shown = [*query.track_ids, *(result.track_id for result in ranking.results)]
    return ranking.results, await views_of(session, shown)


async def path_between(
    session: AsyncSession,
    served: ServedIndex,
    metrics: Metrics,
    ends: tuple[str, str],
    steps: int,
    per_artist: int | None,
) -> tuple[Path, Mapping[str, TrackView]]:
    """The path, and the tracks of its steps; of its ends where there are too few tracks for it."""
    await require_indexed(session, served, ends)
    path = _with_a_direction(lambda: Path(served.index, ends, steps, per_artist))
    metadata = await metadata_of(session, ends)
    if not path.next_queries:
        path.add([], metadata)
    while path.next_queries:
        await session.rollback()
        with metrics.search_seconds.time():
            hits = await served.search(path.next_queries)
        metadata |= await metadata_of(session, path.without_metadata(hits))
        await to_thread.run_sync(path.add, hits, metadata)
    return path, await views_of(session, [step.track_id for step in path.steps] or ends)


async def _allowed_rows(
    session: AsyncSession, served: ServedIndex, track_filter: TrackFilter
) -> NDArray[np.int64] | None:
    """The filter's rows in the served version; None where nothing is filtered."""
    if track_filter.is_empty:
        return None

    async def look_up() -> NDArray[np.int64]:
        joined = await session.scalar(matching(track_filter))
        return await to_thread.run_sync(lambda: served.index.rows_of(ids_of(joined or "")))

    return await served.filters.rows(track_filter, look_up)


def _with_a_direction(make: Callable[[], Made]) -> Made:
    try:
        return make()
    except ValueError as error:
        raise Problem(422, "no-direction", str(error)) from error


async def _aside(heavy: bool, work: Callable[[], None]) -> None:
    """Work in a thread, if it would keep the event loop from others."""
    if heavy:
        await to_thread.run_sync(work)
    else:
        work()
