"""Route for playlist files: any tracks in the order that the client names, as M3U8 or JSPF."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Response

from serving.content_type import require_json
from serving.dependencies import SearchContextDep
from serving.errors import documented
from serving.playlists import PLAYLISTS, playlist
from serving.schemas.playlist_files import PLAYLIST_EXAMPLES, PlaylistRequest
from serving.schemas.requests import PlaylistParameters

router = APIRouter(prefix="/v1", tags=["tracks"])


@router.post(
    "/playlists/file",
    response_class=Response,
    responses={**PLAYLISTS, **documented(400, 413, 415, 503)},
    dependencies=[Depends(require_json)],
)
async def write_playlist(
    request: Annotated[PlaylistRequest, Body(openapi_examples=PLAYLIST_EXAMPLES)],
    context: SearchContextDep,
) -> Response:
    """Write tracks as a playlist, in the order of their ids; nothing is kept here.

    Tracks that the collection does not have, or that have no file any more, are left out.
    """
    views = context.catalog.columns.views(request.ids)
    tracks = [views[track_id] for track_id in request.ids if track_id in views]
    parameters, headers = PlaylistParameters(base=request.base), context.catalog.headers
    return playlist(request.format, parameters, request.title, tracks, headers)
