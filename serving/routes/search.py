"""What sounds like this: one track, several examples, a vector; filtered, varied, page by page."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Query

from serving.dependencies import LiveDep, MetricsDep, SessionDep, served_index
from serving.errors import Problem, documented
from serving.index.live_index import ServedIndex
from serving.schemas.requests import SearchRequest, SimilarParameters
from serving.schemas.responses import TRACK_ID, SearchResults, SimilarTrack, SimilarTracks, Track
from serving.search.cursor import page_of, parse_cursor
from serving.search.service import search_tracks
from serving.search.tracks import unknown_track
from soundalike.catalog.tracks import TrackView
from soundalike.vectors.limits import MAX_RANKED
from soundalike.vectors.queries import NO_VECTORS, TrackQuery, unit
from soundalike.vectors.ranking import Result

router = APIRouter(prefix="/v1", tags=["search"])

Id = Annotated[str, Path(description="The track's id.", examples=[TRACK_ID])]


@router.get("/tracks/{track_id}/similar", responses=documented(404, 409, 422, 503))
async def similar(
    track_id: Id,
    asked: Annotated[SimilarParameters, Query()],
    session: SessionDep,
    live: LiveDep,
    metrics: MetricsDep,
) -> SimilarTracks:
    """What sounds like this track, best first."""
    served = served_index(live)  # not SearchDep: a wrong k is told before a missing index
    query = TrackQuery((track_id,), options=asked.rerank_options)
    results, views = await search_tracks(session, served, metrics, query, asked, asked.k)
    if track_id not in views:
        raise unknown_track()
    return SimilarTracks(
        query=Track.model_validate(views[track_id]),
        index_version=served.manifest.version,
        results=shown(results, views),
    )


@router.post("/search", responses=documented(400, 404, 409, 413, 422, 503))
async def search(
    asked: SearchRequest, session: SessionDep, live: LiveDep, metrics: MetricsDep
) -> SearchResults:
    """What sounds like some tracks or a vector and unlike others, within a filter.

    Pages go on with `next_cursor` and the same question, on the same version of the index.
    """
    served = served_index(live)
    version = served.manifest.version
    after = parse_cursor(asked, version)
    # One more than asked for tells whether there is a next page.
    wanted = min((after.seen if after else 0) + asked.k + 1, MAX_RANKED)
    query = _query(asked, served)
    results, views = await search_tracks(session, served, metrics, query, asked.filter, wanted)
    page, cursor = page_of(results, asked, version, after, wanted)
    return SearchResults(index_version=version, results=shown(page, views), next_cursor=cursor)


def _query(asked: SearchRequest, served: ServedIndex) -> TrackQuery:
    vectors = NO_VECTORS
    if asked.vector is not None:
        dimension = served.manifest.dimension
        if len(asked.vector) != dimension:
            detail = (
                f"vector: {len(asked.vector)} numbers, but the space {served.manifest.space} "
                f"of the served index has {dimension} dimensions"
            )
            raise Problem(422, "wrong-dimension", detail)
        vectors = unit(np.array(asked.vector))[None]
    return TrackQuery(
        tuple(asked.positive), tuple(asked.negative), vectors, asked.strategy, asked.rerank_options
    )


def shown(results: list[Result], views: dict[str, TrackView]) -> list[SimilarTrack]:
    """Results as they are answered."""
    return [
        SimilarTrack(
            rank=result.rank,
            score=result.score,
            percentile=result.percentile,
            track=Track.model_validate(views[result.track_id]),
        )
        for result in results
    ]
