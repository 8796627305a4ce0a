"""Search routes: tracks similar to one track, several examples or a vector; filtered, in pages."""

from collections.abc import Callable
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Body, Depends, Query
from sqlalchemy.ext.asyncio import AsyncSession

from serving.content_type import require_json
from serving.dependencies import AsTrackDep, LiveDep, MetricsDep, SessionDep, served_index
from serving.errors import Problem, documented
from serving.index.live_index import ServedIndex
from serving.metrics import Metrics
from serving.schemas.requests import (
    SEARCH_EXAMPLES,
    PathTrackId,
    SearchRequest,
    SimilarParameters,
)
from serving.schemas.responses import SearchResults, SimilarTrack, SimilarTracks, Track
from serving.search.cursor import page_of, parse_cursor
from serving.search.service import search_tracks
from serving.search.tracks import require_possible_id, unknown_track
from soundalike.catalog.tracks import TrackView
from soundalike.vectors.limits import MAX_RANKED
from soundalike.vectors.queries import NO_VECTORS, TrackQuery, unit
from soundalike.vectors.ranking import Result

router = APIRouter(prefix="/v1", tags=["search"])

Page = tuple[list[Result], dict[str, TrackView], str | None]


@router.get("/tracks/{track_id}/similar", responses=documented(404, 409, 503))
async def find_similar_tracks(
    track_id: PathTrackId,
    parameters: Annotated[SimilarParameters, Query()],
    session: SessionDep,
    live: LiveDep,
    metrics: MetricsDep,
    as_track: AsTrackDep,
) -> SimilarTracks:
    """Find the tracks most similar to this track, best first.

    Its pages are those of `POST /v1/search` with this track as the one positive example.
    """
    require_possible_id(track_id)
    served = served_index(live)  # no dependency: invalid parameters come before a missing index
    request = parameters.as_search(track_id)
    results, views, cursor = await _page(request, session, served, metrics)
    if track_id not in views:
        raise unknown_track()
    return SimilarTracks(
        track=as_track(views[track_id]),
        index_version=served.manifest.version,
        items=as_similar_tracks(results, views, as_track),
        next_cursor=cursor,
    )


@router.post(
    "/search",
    responses=documented(400, 404, 409, 413, 415, 503),
    dependencies=[Depends(require_json)],
)
async def search_tracks_by_examples(
    request: Annotated[SearchRequest, Body(openapi_examples=SEARCH_EXAMPLES)],
    session: SessionDep,
    live: LiveDep,
    metrics: MetricsDep,
    as_track: AsTrackDep,
) -> SearchResults:
    """Find tracks similar to positive examples and dissimilar to negative ones, within a filter.

    Get further pages with `next_cursor` and the same request, on the same index version.
    """
    served = served_index(live)
    results, views, cursor = await _page(request, session, served, metrics)
    return SearchResults(
        index_version=served.manifest.version,
        items=as_similar_tracks(results, views, as_track),
        next_cursor=cursor,
    )


async def _page(
    request: SearchRequest, session: AsyncSession, served: ServedIndex, metrics: Metrics
) -> Page:
    """Return the results of a page, the tracks of results and examples by id, and the cursor."""
    version = served.manifest.version
    after = parse_cursor(request, version)
    # One more than requested shows whether there is a next page.
    ranked = min((after.seen if after else 0) + request.limit + 1, MAX_RANKED)
    query = _query(request, served)
    results, views = await search_tracks(session, served, metrics, query, request.filter, ranked)
    page, cursor = page_of(results, request, version, after, ranked)
    return page, views, cursor


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


def as_similar_tracks(
    results: list[Result], views: dict[str, TrackView], as_track: Callable[[TrackView], Track]
) -> list[SimilarTrack]:
    """Convert results and their tracks to the response's form."""
    return [
        SimilarTrack(
            rank=result.rank,
            score=result.score,
            percentile=result.percentile,
            track=as_track(views[result.track_id]),
        )
        for result in results
    ]
