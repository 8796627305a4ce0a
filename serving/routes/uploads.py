"""Route for uploads: tracks similar to an audio file that the client sends."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from serving.dependencies import SearchContextDep, UploadEmbedderDep, served_index
from serving.errors import documented
from serving.json_answer import JsonAnswer
from serving.playlists import PLAYLISTS, playlist, playlist_form
from serving.query_parameters import FromQuery, described
from serving.routes.search import as_similar_tracks
from serving.routes.vectors import as_numbers
from serving.schemas.results import UploadResults
from serving.schemas.search_requests import UploadParameters
from serving.search.service import Search, search_tracks
from soundalike.vectors.queries import TrackQuery

router = APIRouter(prefix="/v1", tags=["search"])

BINARY = {"type": "string", "format": "binary"}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": BINARY},
                    "additionalProperties": False,
                }
            },
            "application/octet-stream": {"schema": BINARY},
            "audio/*": {"schema": BINARY},
            "video/*": {"schema": BINARY},
        },
    }
}


@router.post(
    "/search/audio",
    response_model=UploadResults,
    responses={**PLAYLISTS, **documented(400, 408, 409, 413, 415, 503)},
    openapi_extra={**BODY, **described(UploadParameters)},
)
async def search_tracks_by_audio(
    request: Request,
    parameters: Annotated[UploadParameters, Depends(FromQuery(UploadParameters))],
    context: SearchContextDep,
    embedder: UploadEmbedderDep,
) -> Response:
    """Find the tracks most similar to an audio file: `curl --form file=@song.mp3`.

    The file is embedded as an ingest would embed it, and not kept. If the index contains the same
    audio, that track is left out of the results.
    """
    served = served_index(context.live)
    with context.metrics.upload_seconds.time():
        upload = await embedder.embed(request, served)
    in_index = upload.track_id in served
    query = (
        TrackQuery((upload.track_id,), options=parameters.rerank_options)
        if in_index
        else TrackQuery((), vectors=upload.vector[None], options=parameters.rerank_options)
    )
    search = Search(query, parameters, parameters.limit)
    [ranking], views = await search_tracks(context.catalog, served, context.metrics, [search])
    if kind := playlist_form(request, parameters):
        found = [views[result.track_id] for result in ranking.results]
        return playlist(kind, parameters, "Like an upload", found, context.catalog.headers)
    shown = len(ranking.results)
    if parameters.all_tags:
        views = await context.catalog.with_all_tags(views)
    return JsonAnswer(
        {
            "index_version": served.manifest.version,
            "track_id": upload.track_id,
            "in_index": in_index,
            "vector": as_numbers(upload.vector),
            "items": as_similar_tracks(ranking.results, views, context.as_track),
            "removed": ranking.removed(shown if shown == parameters.limit else None),
            "certain": ranking.certain,
        },
        headers=context.catalog.headers,
    )
