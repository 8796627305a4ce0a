"""Route for playlist files: any tracks in the order that the client names, as M3U8 or JSPF."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Response

from serving.content_type import require_json
from serving.dependencies import SessionDep
from serving.errors import documented
from serving.playlists import JSPF, M3U8, playlist
from serving.schemas.playlist_files import PLAYLIST_EXAMPLES, PlaylistRequest
from serving.schemas.requests import PlaylistParameters
from serving.search.tracks import views_of

router = APIRouter(prefix="/v1", tags=["tracks"])

FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {M3U8: {"schema": {"type": "string"}}, JSPF: {"schema": {"type": "object"}}}}
}


@router.post(
    "/playlists/file",
    response_class=Response,
    responses={**FILES, **documented(400, 413, 415, 503)},
    dependencies=[Depends(require_json)],
)
async def write_playlist(
    request: Annotated[PlaylistRequest, Body(openapi_examples=PLAYLIST_EXAMPLES)],
    session: SessionDep,
) -> Response:
    """Write tracks as a playlist, in the order of their ids; nothing is kept here.

    Tracks that the collection does not have, or that have no file any more, are left out.
    """
    views = await views_of(session, request.ids)
    tracks = [views[track_id] for track_id in request.ids if track_id in views]
    return playlist(request.format, PlaylistParameters(base=request.base), request.title, tracks)
