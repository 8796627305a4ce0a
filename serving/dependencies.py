"""Dependencies of the routes: a session, the index, the metrics, all from the lifespan's state."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Annotated, TypedDict, cast

from fastapi import Depends, Request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from serving.browser_sessions import BrowserSessions
from serving.errors import RETRY_LATER, Problem
from serving.index.live_index import LiveIndex, ServedIndex
from serving.key_ring import Caller
from serving.locations import may_see_locations
from serving.metric_samples import MetricSampler
from serving.metrics import Metrics
from serving.schemas.responses import Track
from serving.search.tracks import as_track
from serving.search.uploads import UploadEmbedder
from soundalike.catalog.tracks import TrackView
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore

OpenWriting = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class State(TypedDict):
    """The resources that the lifespan holds for the requests."""

    settings: Settings
    sessions: async_sessionmaker[AsyncSession]
    writing: OpenWriting
    store: ArtifactStore
    live: LiveIndex
    metrics: Metrics
    metric_sampler: MetricSampler
    upload_embedder: UploadEmbedder
    browser_sessions: BrowserSessions


def state_of(request: Request) -> State:
    """Return the lifespan's state, typed."""
    return cast("State", request.state)


StateDep = Annotated[State, Depends(state_of)]


def get_caller(request: Request) -> Caller:
    """Return who sent the request, as `RequireApiKey` found."""
    return cast("Caller", request.scope["caller"])


def get_live(state: StateDep) -> LiveIndex:
    """Return the live index: the served version, and the problem with it, if any."""
    return state["live"]


def get_metrics(state: StateDep) -> Metrics:
    """Return the process's metrics."""
    return state["metrics"]


def get_metric_sampler(state: StateDep) -> MetricSampler:
    """Return the sampler of the process's state."""
    return state["metric_sampler"]


def get_upload_embedder(state: StateDep) -> UploadEmbedder:
    """Return the embedder of uploads."""
    return state["upload_embedder"]


def get_writing(state: StateDep) -> OpenWriting:
    """Return what opens a session that writes, which is committed with its block."""
    return state["writing"]


def get_store(state: StateDep) -> ArtifactStore:
    """Return where artifacts are."""
    return state["store"]


def sees_locations(request: Request, state: StateDep) -> bool:
    """Return whether this client is told absolute paths."""
    return may_see_locations(state["settings"], request)


SeesLocationsDep = Annotated[bool, Depends(sees_locations)]


def shown_tracks(located: SeesLocationsDep) -> Callable[[TrackView], Track]:
    """Return the conversion of tracks to what this client may see of them."""
    return partial(as_track, located=located)


async def open_session(state: StateDep) -> AsyncIterator[AsyncSession]:
    """Open a read-only session until the response was sent."""
    async with reading(state) as session:
        yield session


@asynccontextmanager
async def reading(state: State) -> AsyncIterator[AsyncSession]:
    """Open a read-only session; its first statement takes a connection from the pool."""
    session = state["sessions"]()
    try:
        yield session
    finally:
        try:
            await session.close()
        except DBAPIError:  # the connection died after the response was ready: it is unaffected
            await session.invalidate()


LiveDep = Annotated[LiveIndex, Depends(get_live)]


def served_index(live: LiveDep) -> ServedIndex:
    """Return the index version to serve this request from. Raises Problem: 503 without one."""
    if live.served is None:
        raise Problem(503, "no-index", live.problem or "no index is loaded", RETRY_LATER)
    return live.served


UploadEmbedderDep = Annotated[UploadEmbedder, Depends(get_upload_embedder)]
MetricSamplerDep = Annotated[MetricSampler, Depends(get_metric_sampler)]
CallerDep = Annotated[Caller, Depends(get_caller)]
StoreDep = Annotated[ArtifactStore, Depends(get_store)]
WritingDep = Annotated[OpenWriting, Depends(get_writing)]
MetricsDep = Annotated[Metrics, Depends(get_metrics)]
AsTrackDep = Annotated[Callable[[TrackView], Track], Depends(shown_tracks)]
SessionDep = Annotated[AsyncSession, Depends(open_session)]
ServedIndexDep = Annotated[ServedIndex, Depends(served_index)]
