"""The search service: alternates between hits from the index and metadata from the catalog."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
from anyio import to_thread
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncSession

from serving.errors import Problem
from serving.index.live_index import ServedIndex
from serving.metrics import Metrics
from serving.schemas.filters import Filters
from serving.search.tracks import metadata_of, require_indexed, views_of
from soundalike.catalog.filters import TrackFilter, ids_of, matching
from soundalike.catalog.tracks import TrackView
from soundalike.vectors.journeys import ArcJourney
from soundalike.vectors.queries import TrackQuery
from soundalike.vectors.ranking import Ranking, Result

Prepared = TypeVar("Prepared", Ranking, ArcJourney)


async def search_tracks(
    session: AsyncSession,
    served: ServedIndex,
    metrics: Metrics,
    query: TrackQuery,
    filters: Filters,
    limit: int,
) -> tuple[list[Result], dict[str, TrackView]]:
    """Return the first `limit` results, and the tracks of the results and the query by id.

    Raises Problem: 404 or 409 for a track that is not in the index, 422 if the query has no
    direction.
    """
    await require_indexed(session, served, query.track_ids)
    rows = await _allowed_rows(session, served, filters.in_catalog)
    ranking = _require_direction(
        lambda: Ranking(served.index, query, limit, rows, tuple(filters.exclude_ids))
    )
    while (next_query := ranking.next_query) is not None:
        await session.rollback()  # no connection is held while searching
        with metrics.search_seconds.time():
            [hits] = await served.search([next_query])
        metadata = await metadata_of(session, ranking.without_metadata(hits))
        await _run(lambda: ranking.add(hits, metadata), in_thread=query.options.compares_results)  # noqa: B023 - awaited
    shown = [*query.track_ids, *(result.track_id for result in ranking.results)]
    return ranking.results, await views_of(session, shown)


async def journey_between(
    session: AsyncSession,
    served: ServedIndex,
    metrics: Metrics,
    ends: tuple[str, str],
    steps: int,
    per_artist: int | None,
) -> tuple[ArcJourney, Mapping[str, TrackView]]:
    """Return the journey, and the tracks of its steps by id.

    If there are too few tracks for it, the journey has no steps and the tracks are its ends. Raises
    Problem: 404 or 409 for an end that is not in the index, 422 for opposite ends.
    """
    await require_indexed(session, served, ends)
    journey = _require_direction(lambda: ArcJourney(served.index, ends, steps, per_artist))
    metadata = await metadata_of(session, ends)
    if not journey.next_queries:
        journey.add([], metadata)
    while journey.next_queries:
        await session.rollback()
        with metrics.search_seconds.time():
            hits = await served.search(journey.next_queries)
        metadata |= await metadata_of(session, journey.without_metadata(hits))
        await to_thread.run_sync(journey.add, hits, metadata)
    return journey, await views_of(session, [step.track_id for step in journey.steps] or ends)


async def _allowed_rows(
    session: AsyncSession, served: ServedIndex, track_filter: TrackFilter
) -> NDArray[np.int64] | None:
    """Return the rows that the filter allows, ascending int64 [n]; None for an empty filter."""
    if track_filter.is_empty:
        return None

    async def look_up() -> NDArray[np.int64]:
        joined = await session.scalar(matching(track_filter))
        return await to_thread.run_sync(lambda: served.index.rows_of(ids_of(joined or "")))

    return await served.filters.rows(track_filter, look_up)


def _require_direction(prepare: Callable[[], Prepared]) -> Prepared:
    try:
        return prepare()
    except ValueError as error:
        raise Problem(422, "no-direction", str(error)) from error


async def _run(work: Callable[[], None], *, in_thread: bool) -> None:
    """Run work that takes long in a thread, so that it does not block the event loop."""
    if in_thread:
        await to_thread.run_sync(work)
    else:
        work()
