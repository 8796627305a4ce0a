"""Search routes: tracks similar to one track, several examples or a vector; filtered, in pages."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query

from serving.dependencies import LiveDep, MetricsDep, SessionDep, served_index
from serving.errors import Problem, documented
from serving.index.live_index import ServedIndex
from serving.schemas.requests import PathTrackId, SearchRequest, SimilarParameters
from serving.schemas.responses import SearchResults, SimilarTrack, SimilarTracks, Track
from serving.search.cursor import page_of, parse_cursor
from serving.search.service import search_tracks
from serving.search.tracks import unknown_track
from soundalike.catalog.tracks import TrackView
from soundalike.vectors.limits import MAX_RANKED
from soundalike.vectors.queries import NO_VECTORS, TrackQuery, unit
from soundalike.vectors.ranking import Result

router = APIRouter(prefix="/v1", tags=["search"])


@router.get("/tracks/{track_id}/similar", responses=documented(404, 409, 422, 503))
async def similar(
    track_id: PathTrackId,
    parameters: Annotated[SimilarParameters, Query()],
    session: SessionDep,
    live: LiveDep,
    metrics: MetricsDep,
) -> SimilarTracks:
    """Find the tracks most similar to this track, best first."""
    served = served_index(live)  # not SearchDep: invalid parameters come before a missing index
    query = TrackQuery((track_id,), options=parameters.rerank_options)
    results, views = await search_tracks(session, served, metrics, query, parameters, parameters.k)
    if track_id not in views:
        raise unknown_track()
    return SimilarTracks(
        query=Track.model_validate(views[track_id]),
        index_version=served.manifest.version,
        results=as_similar_tracks(results, views),
    )


@router.post("/search", responses=documented(400, 404, 409, 413, 422, 503))
async def search(
    request: SearchRequest, session: SessionDep, live: LiveDep, metrics: MetricsDep
) -> SearchResults:
    """Find tracks similar to positive examples and dissimilar to negative ones, within a filter.

    Get further pages with `next_cursor` and the same query, on the same index version.
    """
    served = served_index(live)
    version = served.manifest.version
    after = parse_cursor(request, version)
    # One more than requested shows whether there is a next page.
    limit = min((after.seen if after else 0) + request.k + 1, MAX_RANKED)
    query = _query(request, served)
    results, views = await search_tracks(session, served, metrics, query, request.filter, limit)
    page, cursor = page_of(results, request, version, after, limit)
    return SearchResults(
        index_version=version, results=as_similar_tracks(page, views), next_cursor=cursor
    )


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


def as_similar_tracks(results: list[Result], views: dict[str, TrackView]) -> list[SimilarTrack]:
    """Convert results and their tracks to the response's form."""
    return [
        SimilarTrack(
            rank=result.rank,
            score=result.score,
            percentile=result.percentile,
            track=Track.model_validate(views[result.track_id]),
        )
        for result in results
    ]
