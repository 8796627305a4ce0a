"""Route for events: what the pipeline does and which index is served, told when it changes.

It is not in the OpenAPI document, whose clients would wait for the end of an answer that has none;
docs/api.md has it.
"""

import time
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serving.dependencies import StateDep
from serving.feed import Feed
from serving.index.live_index import LiveIndex
from serving.limits import LISTEN_SECONDS
from serving.routes.index import as_index
from serving.routes.pipeline import as_pipeline
from serving.schemas.state import Index, Pipeline
from soundalike.catalog.ingestion import ingestion

router = APIRouter(prefix="/v1", include_in_schema=False)

UNBUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the second is nginx's
RETRY_MILLISECONDS = 5000  # before a client whose stream has ended comes back


class CollectionState(BaseModel):
    """The answers of `GET /v1/pipeline` and `GET /v1/index`, which is null while none is served."""

    pipeline: Pipeline
    index: Index | None


async def read_state(sessions: async_sessionmaker[AsyncSession], live: LiveIndex) -> str:
    """Return the collection's state as JSON."""
    async with sessions() as session:
        now = await session.run_sync(ingestion)
    index = as_index(live.served) if live.served else None
    return CollectionState(pipeline=as_pipeline(now), index=index).model_dump_json()


class StateEvents(EventSourceResponse):
    """A stream of events, which ends after a while: a key may have been revoked since."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(iter(()), headers=UNBUFFERED)
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Listen and send until the client leaves, the server stops, or its time is over."""
        async with self._feed.listening() as states:
            scope["state"]["is_endless"] = True  # the connection does not wait (connections.py)
            self.body_iterator = _events(states)
            await super().__call__(scope, receive, send)


async def _events(states: AsyncIterator[str]) -> AsyncIterator[bytes]:
    end = time.monotonic() + LISTEN_SECONDS
    async for state in states:
        yield format_sse_event(event="state", data_str=state, retry=RETRY_MILLISECONDS)
        if time.monotonic() > end:
            return


@router.get("/events", response_class=Response)
async def follow_events(request: Request, state: StateDep) -> Response:
    """Send an event `state` now, on each change, and every few seconds."""
    if request.scope.get("is_head"):
        return Response(media_type=EventSourceResponse.media_type, headers=UNBUFFERED)
    return StateEvents(state["feed"])
