"""The resources of a process, which the lifespan opens and every request gets."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypedDict, cast

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from serving.browser_sessions import BrowserSessions
from serving.columns.live_columns import LiveColumns
from serving.feed import Feed
from serving.index.live_index import LiveIndex
from serving.maps.served_map import ServedMap
from serving.metric_samples import MetricSampler
from serving.metrics import Metrics
from serving.search.uploads import UploadEmbedder
from serving.shared_reading import SharedReading
from soundalike.catalog.statistics import Statistics
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
    columns: LiveColumns
    served_map: ServedMap
    metrics: Metrics
    metric_sampler: MetricSampler
    upload_embedder: UploadEmbedder
    browser_sessions: BrowserSessions
    feed: Feed
    statistics: SharedReading[Statistics]


def state_of(request: Request) -> State:
    """Return the lifespan's state, typed."""
    return cast("State", request.state)
