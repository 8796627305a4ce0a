"""What sounds like a file that the client sends."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from serving.dependencies import ListenerDep, LiveDep, MetricsDep, SessionDep, served_index
from serving.errors import documented
from serving.finding import ranked
from serving.questions import SimilarParameters
from serving.routes.search import shown
from serving.schemas import UploadResults
from soundalike.vectors.question import Question

router = APIRouter(prefix="/v1", tags=["search"])

BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/search/audio", responses=documented(409, 413, 422, 503), openapi_extra=BODY)
async def search_audio(
    request: Request,
    asked: Annotated[SimilarParameters, Query()],
    session: SessionDep,
    live: LiveDep,
    listener: ListenerDep,
    metrics: MetricsDep,
) -> UploadResults:
    """What sounds like the audio file in the body: `curl --data-binary @song.mp3`.

    It is heard as an ingest would hear it and not kept. If the collection has the same audio, that
    track is left out of the results.
    """
    served = served_index(live)
    heard = await listener.hear(request, served)
    known = heard.track_id in served
    question = (
        Question((heard.track_id,), rules=asked.rules)
        if known
        else Question((), vectors=heard.vector[None], rules=asked.rules)
    )
    results, views = await ranked(session, served, metrics, question, asked, asked.k)
    return UploadResults(
        index_version=served.manifest.version,
        track_id=heard.track_id,
        in_index=known,
        results=shown(results, views),
    )
