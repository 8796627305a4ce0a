"""Dependencies of the routes: a session, the index, the metrics, all from the lifespan's state.

They are asynchronous, as FastAPI calls any other function in a thread, and one costs as much as all
of them.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from serving.errors import RETRY_LATER, Problem
from serving.index.live_index import LiveIndex
from serving.index.served_index import ServedIndex
from serving.key_ring import Caller
from serving.locations import may_see_locations
from serving.metric_samples import MetricSampler
from serving.metrics import Metrics
from serving.search.catalog import SearchCatalog
from serving.search.tracks import ShownTrack, as_track
from serving.search.uploads import UploadEmbedder
from serving.state import OpenWriting, State, state_of
from soundalike.catalog.tracks import TrackView
from soundalike.storage.layout import ArtifactStore


async def get_state(request: Request) -> State:
    """Return the same as `state_of`, as a dependency."""
    return state_of(request)


async def get_caller(request: Request) -> Caller:
    """Return who sent the request, as `RequireApiKey` found."""
    return cast("Caller", request.scope["caller"])


async def get_live(request: Request) -> LiveIndex:
    """Return the live index: the served version, and the problem with it, if any."""
    return state_of(request)["live"]


async def get_metrics(request: Request) -> Metrics:
    """Return the process's metrics."""
    return state_of(request)["metrics"]


async def get_metric_sampler(request: Request) -> MetricSampler:
    """Return the sampler of the process's state."""
    return state_of(request)["metric_sampler"]


async def get_upload_embedder(request: Request) -> UploadEmbedder:
    """Return the embedder of uploads."""
    return state_of(request)["upload_embedder"]


async def get_writing(request: Request) -> OpenWriting:
    """Return what opens a session that writes, which is committed with its block."""
    return state_of(request)["writing"]


async def get_store(request: Request) -> ArtifactStore:
    """Return where artifacts are."""
    return state_of(request)["store"]


async def sees_locations(request: Request) -> bool:
    """Return whether this client is told absolute paths."""
    return may_see_locations(state_of(request)["settings"], request)


SeesLocationsDep = Annotated[bool, Depends(sees_locations)]


async def shown_tracks(request: Request) -> Callable[[TrackView], ShownTrack]:
    """Return the conversion of tracks to what this client may see of them."""
    return partial(as_track, located=await sees_locations(request))


async def open_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Open a read-only session; its first statement takes a connection from the pool."""
    async with reading(state_of(request)) as session:
        yield session


@asynccontextmanager
async def reading(state: State) -> AsyncIterator[AsyncSession]:
    """Open the same as `open_session`, for a part of a request."""
    session = state["sessions"]()
    try:
        yield session
    finally:
        try:
            await session.close()
        except DBAPIError:  # the connection died after the response was ready: it is unaffected
            await session.invalidate()


@dataclass(frozen=True)
class SearchContext:
    """The parts of the service that a search needs, as one dependency: each costs time.

    `as_track` converts tracks to what the client may see of them.
    """

    live: LiveIndex
    catalog: SearchCatalog
    metrics: Metrics
    as_track: Callable[[TrackView], ShownTrack]


async def search_context(request: Request) -> SearchContext:
    """Return what a search needs, with the catalog of this moment."""
    state = state_of(request)
    columns = state["columns"]
    catalog = SearchCatalog(columns.snapshot, partial(reading, state), columns.stale_seconds)
    as_track = await shown_tracks(request)
    return SearchContext(state["live"], catalog, state["metrics"], as_track)


LiveDep = Annotated[LiveIndex, Depends(get_live)]


def served_index(live: LiveIndex) -> ServedIndex:
    """Return the index version to serve this request from. Raises Problem: 503 without one."""
    if live.served is None:
        raise Problem(503, "no-index", live.problem or "no index is loaded", RETRY_LATER)
    return live.served


async def get_served_index(live: LiveDep) -> ServedIndex:
    """Return the same as `served_index`, as a dependency."""
    return served_index(live)


StateDep = Annotated[State, Depends(get_state)]
UploadEmbedderDep = Annotated[UploadEmbedder, Depends(get_upload_embedder)]
MetricSamplerDep = Annotated[MetricSampler, Depends(get_metric_sampler)]
CallerDep = Annotated[Caller, Depends(get_caller)]
StoreDep = Annotated[ArtifactStore, Depends(get_store)]
WritingDep = Annotated[OpenWriting, Depends(get_writing)]
MetricsDep = Annotated[Metrics, Depends(get_metrics)]
AsTrackDep = Annotated[Callable[[TrackView], ShownTrack], Depends(shown_tracks)]
SearchContextDep = Annotated[SearchContext, Depends(search_context)]
SessionDep = Annotated[AsyncSession, Depends(open_session)]
ServedIndexDep = Annotated[ServedIndex, Depends(get_served_index)]
