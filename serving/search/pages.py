"""Pages of searches: from the requests of one call to a page of results for each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serving.errors import Problem
from serving.index.served_index import ServedIndex
from serving.metrics import Metrics
from serving.schemas.search_requests import SearchRequest
from serving.search.catalog import SearchCatalog
from serving.search.cursor import SearchCursor, page_of, parse_cursor
from serving.search.service import Search, named_search, search_tracks
from soundalike.catalog.tracks import TrackView
from soundalike.vectors.limits import MAX_RANKED
from soundalike.vectors.queries import NO_VECTORS, TrackQuery, unit
from soundalike.vectors.ranking import Ranking, Result
from soundalike.vectors.removed import Removed


@dataclass(frozen=True)
class SearchPage:
    """A page: results, the cursor of the next page, and what rules left out up to its end.

    `certain`: it is proven that no better track was missed.
    """

    results: list[Result]
    next_cursor: str | None
    removed: Removed
    certain: bool


async def search_pages(
    catalog: SearchCatalog,
    served: ServedIndex,
    metrics: Metrics,
    requests: Sequence[SearchRequest],
) -> tuple[list[SearchPage], dict[str, TrackView]]:
    """Return a page for each request, and the tracks of all results and examples by id.

    Raises Problem as `parse_cursor` and `search_tracks` do; 422 for a vector of another dimension.
    """
    version = served.manifest.version
    cursors: list[SearchCursor | None] = []
    searches: list[Search] = []
    for number, request in enumerate(requests):
        with named_search(number, len(requests)):
            after = parse_cursor(request, version)
            query = _query(request, served)
        cursors.append(after)
        # One more than requested shows whether there is a next page.
        ranked = min((after.seen if after else 0) + request.limit + 1, MAX_RANKED)
        searches.append(Search(query, request.filter, ranked))
    rankings, views = await search_tracks(catalog, served, metrics, searches)
    pages = [
        _page(ranking, request, version, after, search.limit)
        for ranking, request, after, search in zip(
            rankings, requests, cursors, searches, strict=True
        )
    ]
    return pages, views


def _page(
    ranking: Ranking, request: SearchRequest, version: str, after: SearchCursor | None, ranked: int
) -> SearchPage:
    results = ranking.results
    page, cursor = page_of(results, request, version, after, ranked)
    end = results.index(page[-1]) + 1 if page else len(results)
    removed = ranking.removed(end if cursor else None)
    return SearchPage(page, cursor, removed, ranking.certain)


def _query(request: SearchRequest, served: ServedIndex) -> TrackQuery:
    vectors = NO_VECTORS
    if request.vector is not None:
        dimension = served.manifest.dimension
        if len(request.vector) != dimension:
            detail = (
                f"vector: {len(request.vector)} numbers, but the space {served.manifest.space} "
                f"of the served index has {dimension} dimensions"
            )
            raise Problem(422, "wrong-dimension", detail)
        vectors = unit(np.array(request.vector))[None]
    return TrackQuery(
        tuple(request.positive),
        tuple(request.negative),
        vectors,
        request.strategy,
        request.rerank_options,
    )
