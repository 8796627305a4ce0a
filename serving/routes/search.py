"""Search routes: tracks similar to one track, several examples or a vector; filtered, in pages."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request, Response

from serving.content_type import require_json
from serving.dependencies import SearchContextDep, served_index
from serving.errors import documented
from serving.json_answer import JsonAnswer
from serving.playlists import PLAYLISTS, playlist, playlist_form
from serving.query_parameters import FromQuery, described
from serving.schemas.requests import PathTrackId, PlaylistParameters
from serving.schemas.results import BatchResults, SearchResults, SimilarTracks
from serving.schemas.search_requests import (
    BATCH_EXAMPLES,
    SEARCH_EXAMPLES,
    BatchRequest,
    SearchRequest,
    SimilarParameters,
)
from serving.search.pages import SearchPage, search_pages
from serving.search.tracks import ShownTrack, require_possible_id, unknown_track
from soundalike.catalog.tracks import TrackView
from soundalike.vectors.ranking import Result

router = APIRouter(prefix="/v1", tags=["search"])


@router.get(
    "/tracks/{track_id}/similar",
    response_model=SimilarTracks,
    responses={**PLAYLISTS, **documented(404, 409, 503)},
    openapi_extra=described(SimilarParameters),
)
async def find_similar_tracks(
    request: Request,
    track_id: PathTrackId,
    parameters: Annotated[SimilarParameters, Depends(FromQuery(SimilarParameters))],
    context: SearchContextDep,
) -> Response:
    """Find the tracks most similar to this track, best first.

    Its pages are those of `POST /v1/search` with this track as the one positive example.
    """
    require_possible_id(track_id)
    # No dependency: invalid parameters come before a missing index.
    served = served_index(context.live)
    search = parameters.as_search(track_id)
    [page], views = await search_pages(context.catalog, served, context.metrics, [search])
    if track_id not in views:
        raise unknown_track()
    if kind := playlist_form(request, parameters):
        title = f"Like {views[track_id].name}"
        return playlist(kind, parameters, title, _tracks(page, views), context.catalog.headers)
    if parameters.all_tags:
        views = await context.catalog.with_all_tags(views)
    return JsonAnswer(
        {
            "track": context.as_track(views[track_id]),
            "index_version": served.manifest.version,
            **_shown(page, views, context.as_track),
        },
        headers=context.catalog.headers,
    )


@router.post(
    "/search",
    response_model=SearchResults,
    responses={**PLAYLISTS, **documented(400, 404, 409, 413, 415, 503)},
    openapi_extra=described(PlaylistParameters),
    dependencies=[Depends(require_json)],
)
async def search_tracks_by_examples(
    request: Request,
    search: Annotated[SearchRequest, Body(openapi_examples=SEARCH_EXAMPLES)],
    parameters: Annotated[PlaylistParameters, Depends(FromQuery(PlaylistParameters))],
    context: SearchContextDep,
) -> Response:
    """Find tracks similar to positive examples and dissimilar to negative ones, within a filter.

    Get further pages with `next_cursor` and the same request, on the same index version.
    """
    served = served_index(context.live)
    [page], views = await search_pages(context.catalog, served, context.metrics, [search])
    if kind := playlist_form(request, parameters):
        found = _tracks(page, views)
        return playlist(kind, parameters, "Search results", found, context.catalog.headers)
    if parameters.all_tags:
        views = await context.catalog.with_all_tags(views)
    return JsonAnswer(
        {"index_version": served.manifest.version, **_shown(page, views, context.as_track)},
        headers=context.catalog.headers,
    )


@router.post(
    "/search/batch",
    response_model=BatchResults,
    responses=documented(400, 404, 409, 413, 415, 503),
    dependencies=[Depends(require_json)],
)
async def search_tracks_in_batch(
    request: Annotated[BatchRequest, Body(openapi_examples=BATCH_EXAMPLES)],
    context: SearchContextDep,
) -> Response:
    """Do several searches at once, all on the same index version.

    Each is a body of `POST /v1/search`, cursors included, and has its page in `items`, in the same
    order. If one is refused, all are, and `errors` names it.
    """
    served = served_index(context.live)
    pages, views = await search_pages(context.catalog, served, context.metrics, request.searches)
    return JsonAnswer(
        {
            "index_version": served.manifest.version,
            "items": [_shown(page, views, context.as_track) for page in pages],
        },
        headers=context.catalog.headers,
    )


def _tracks(page: SearchPage, views: Mapping[str, TrackView]) -> list[TrackView]:
    return [views[result.track_id] for result in page.results]


def _shown(
    page: SearchPage, views: Mapping[str, TrackView], as_track: Callable[[TrackView], ShownTrack]
) -> dict[str, Any]:
    """Return the fields that a page has in every response."""
    return {
        "items": as_similar_tracks(page.results, views, as_track),
        "next_cursor": page.next_cursor,
        "removed": page.removed,
        "certain": page.certain,
    }


def as_similar_tracks(
    results: list[Result],
    views: Mapping[str, TrackView],
    as_track: Callable[[TrackView], ShownTrack],
) -> list[dict[str, Any]]:
    """Convert results and their tracks to the response's form."""
    return [
        {
            "rank": result.rank,
            "score": result.score,
            "percentile": result.percentile,
            "track": as_track(views[result.track_id]),
        }
        for result in results
    ]
