"""What routes ask for: a session, the index, the metrics. All of it comes from the lifespan."""

from collections.abc import AsyncIterator
from typing import Annotated, TypedDict, cast

from fastapi import Depends, Request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from serving.errors import RETRY_LATER, Problem
from serving.index.live_index import LiveIndex, ServedIndex
from serving.metrics import Metrics
from serving.search.uploads import UploadEmbedder


class State(TypedDict):
    """What the lifespan keeps for the requests."""

    sessions: async_sessionmaker[AsyncSession]
    live: LiveIndex
    metrics: Metrics
    upload_embedder: UploadEmbedder


def state_of(request: Request) -> State:
    """The lifespan's state, with its types."""
    return cast("State", request.state)


StateDep = Annotated[State, Depends(state_of)]


def get_live(state: StateDep) -> LiveIndex:
    """What is served now, and what is wrong with it."""
    return state["live"]


def get_metrics(state: StateDep) -> Metrics:
    """The process's metrics."""
    return state["metrics"]


def get_upload_embedder(state: StateDep) -> UploadEmbedder:
    """The embedder of uploads."""
    return state["upload_embedder"]


async def open_session(state: StateDep) -> AsyncIterator[AsyncSession]:
    """A read-only session; it takes a connection from the pool with its first statement."""
    session = state["sessions"]()
    try:
        yield session
    finally:
        try:
            await session.close()
        except DBAPIError:  # the connection died after the answer was made, which is none of its
            await session.invalidate()


LiveDep = Annotated[LiveIndex, Depends(get_live)]


def served_index(live: LiveDep) -> ServedIndex:
    """The version to answer this request from. 503 while there is none."""
    if live.served is None:
        raise Problem(503, "no-index", live.problem or "no index is loaded", RETRY_LATER)
    return live.served


UploadEmbedderDep = Annotated[UploadEmbedder, Depends(get_upload_embedder)]
MetricsDep = Annotated[Metrics, Depends(get_metrics)]
SessionDep = Annotated[AsyncSession, Depends(open_session)]
SearchDep = Annotated[ServedIndex, Depends(served_index)]
