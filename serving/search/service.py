"""The search service: alternates between hits from the index and metadata from the columns."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from anyio import to_thread
from numpy.typing import NDArray

from serving.errors import Problem
from serving.index.served_index import ServedIndex
from serving.metrics import Metrics
from serving.schemas.filters import Filters
from serving.schemas.problems import FieldProblem
from serving.search.catalog import SearchCatalog
from serving.search.tracks import require_indexed
from soundalike.catalog.filters import TrackFilter
from soundalike.catalog.tracks import TrackView
from soundalike.tracing import span
from soundalike.vectors.journeys import ArcJourney
from soundalike.vectors.neighbours import Neighbours, TrackSet
from soundalike.vectors.queries import TrackQuery
from soundalike.vectors.ranking import Ranking
from soundalike.vectors.rerank import TrackMetadata

Prepared = TypeVar("Prepared", Ranking, ArcJourney)


@dataclass(frozen=True)
class Search:
    """A query within a filter, and the number of results to rank."""

    query: TrackQuery
    filters: Filters
    limit: int


async def search_tracks(
    catalog: SearchCatalog, served: ServedIndex, metrics: Metrics, searches: Sequence[Search]
) -> tuple[list[Ranking], dict[str, TrackView]]:
    """Return the ranking of each search, and the tracks of all results and queries by id.

    What the searches need next of the index is searched at once, so that a batch costs few matrix
    products. Raises Problem: 404 or 409 for a track that is not in the index, 422 if a query has no
    direction; of several searches, `errors` names the one.
    """
    rankings = []
    for number, search in enumerate(searches):
        with named_search(number, len(searches)):
            rankings.append(await _prepared(catalog, served, search))
    grouped = any(each.query.options.caps_groups for each in searches)
    while waiting := [ranking for ranking in rankings if ranking.next_query is not None]:
        with metrics.search_seconds.time(), span("search", queries=len(waiting)):
            hits = await served.search([each.next_query for each in waiting if each.next_query])
        paired = list(zip(waiting, hits, strict=True))
        wanted = {track for ranking, each in paired for track in ranking.without_metadata(each)}
        metadata = catalog.columns.metadata(list(wanted), grouped=grouped)
        # Comparing results takes long, and must not block the event loop; nor may many searches.
        in_thread = len(paired) > 1 or any(each.query.options.compares_results for each in searches)
        await _run(lambda: _add(paired, metadata), in_thread=in_thread)  # noqa: B023 - awaited
    shown = {track for search in searches for track in search.query.track_ids}
    shown |= {result.track_id for ranking in rankings for result in ranking.results}
    return rankings, catalog.columns.views(list(shown))


async def _prepared(catalog: SearchCatalog, served: ServedIndex, search: Search) -> Ranking:
    await require_indexed(catalog, served, search.query.track_ids)
    allowed = await _allowed(catalog, served, search.filters.in_catalog)
    excluded = tuple(search.filters.exclude_ids)
    return await _require_direction(
        served, lambda: Ranking(served.index, search.query, search.limit, allowed, excluded)
    )


def _add(
    paired: Sequence[tuple[Ranking, Neighbours]], metadata: Mapping[str, TrackMetadata]
) -> None:
    for ranking, hits in paired:
        ranking.add(hits, metadata)


@contextmanager
def named_search(number: int, searches: int) -> Iterator[None]:
    """Name the search that a problem is about, if there are several, by a JSON Pointer."""
    try:
        yield
    except Problem as problem:
        if searches == 1:
            raise
        pointer = f"/searches/{number}"
        error = FieldProblem(location="body", field=pointer, message=problem.detail)
        detail = f"body `{pointer}`: {problem.detail}"
        raise Problem(problem.status, problem.kind, detail, problem.headers, [error]) from problem


async def journey_between(
    catalog: SearchCatalog,
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
    await require_indexed(catalog, served, ends)
    journey = await _require_direction(
        served, lambda: ArcJourney(served.index, ends, steps, per_artist)
    )
    columns, grouped = catalog.columns, per_artist is not None
    metadata = dict(columns.metadata(ends, grouped=grouped))
    if not journey.next_queries:
        await served.wait_for(lambda: journey.add([], metadata))
    while journey.next_queries:
        with metrics.search_seconds.time(), span("search", queries=len(journey.next_queries)):
            hits = await served.search(journey.next_queries)
        metadata |= columns.metadata(journey.without_metadata(hits), grouped=grouped)
        await to_thread.run_sync(journey.add, hits, metadata)
    return journey, columns.views([step.track_id for step in journey.steps] or ends)


async def _allowed(
    catalog: SearchCatalog, served: ServedIndex, track_filter: TrackFilter
) -> TrackSet | None:
    """Return the tracks of the index that the filter allows; None for an empty filter."""
    if track_filter.is_empty:
        return None

    columns = catalog.columns

    async def evaluate() -> NDArray[np.int64]:
        return await to_thread.run_sync(columns.allowed_rows, track_filter, served.index)

    rows = await served.filters.rows(columns.revision, track_filter, evaluate)
    return TrackSet(served.index.track_ids, rows)


async def _require_direction(served: ServedIndex, prepare: Callable[[], Prepared]) -> Prepared:
    try:
        return await served.wait_for(prepare)
    except ValueError as error:
        raise Problem(422, "no-direction", str(error)) from error


async def _run(work: Callable[[], None], *, in_thread: bool) -> None:
    """Run work that takes long in a thread, so that it does not block the event loop."""
    if in_thread:
        await to_thread.run_sync(work)
    else:
        work()
