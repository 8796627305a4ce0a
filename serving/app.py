"""The application: routes, middleware, and the resources that live as long as the process."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import async_sessionmaker

import soundalike
from serving import errors
from serving.browser_sessions import BrowserSessions
from serving.columns.live_columns import LiveColumns
from serving.database import open_pool, writing_session
from serving.feed import Feed
from serving.index.follower import PublicationFollower
from serving.index.live_index import LiveIndex, search_threads
from serving.index.milvus_versions import SEARCH_THREADS
from serving.index.replica import Replica
from serving.key_ring import KeyRing
from serving.maps.served_map import ServedMap
from serving.metric_samples import MetricSampler
from serving.metrics import Metrics
from serving.middleware.stack import middleware
from serving.openapi import ABOUT, TAGS, describe
from serving.routes import (
    audio,
    browser_session,
    docs,
    events,
    facets,
    failures,
    health,
    index,
    journeys,
    maps,
    metrics,
    page,
    pipeline,
    playlist_files,
    roots,
    search,
    tracks,
    uploads,
    vectors,
)
from serving.scopes import RequireAccess
from serving.search.uploads import UploadEmbedder
from serving.shared_reading import SharedReading
from serving.state import State
from soundalike.catalog.access import require_key_beyond_loopback
from soundalike.catalog.api_keys import Scope
from soundalike.garbage_collection import imports_frozen
from soundalike.logs import configure_logs, take_over_uvicorn_logs
from soundalike.postgres import connected_database, restart_database
from soundalike.settings import Settings, load_settings
from soundalike.storage.layout import ArtifactStore
from soundalike.tracing import tracing
from soundalike.vectors.milvus.server import Milvus

# Each with the scope of the key that its routes need. They are tried in this order: searches first.
ROUTERS: tuple[tuple[APIRouter, Scope | None], ...] = (
    (search.router, "read"),
    (page.router, None),
    (docs.router, None),
    (health.router, None),
    (metrics.router, "read"),
    (index.router, "read"),
    (index.admin, "admin"),
    (failures.router, "read"),
    (failures.admin, "admin"),
    (pipeline.router, "read"),
    (events.router, "read"),
    (roots.router, "read"),
    (facets.router, "read"),
    (maps.router, "read"),
    (tracks.router, "read"),
    (vectors.router, "read"),
    (audio.files, "read"),
    (audio.router, "read"),
    (playlist_files.router, "read"),
    (browser_session.router, "read"),
    (journeys.router, "read"),
    (uploads.router, "read"),
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Create the application for these settings, or for those of the environment.

    Raises SettingsError if it would be open to the network without an API key.
    """
    settings = settings or load_settings()
    require_key_beyond_loopback(settings)
    configure_logs(settings.lowest_log_level, json=settings.environment == "production")
    take_over_uvicorn_logs()
    store = ArtifactStore.of(settings)
    milvus = Milvus.of(settings)
    threads = SEARCH_THREADS if milvus else search_threads(settings)
    replica = None if milvus else Replica.of(store, settings)
    live = LiveIndex(store, threads, replica, milvus)
    columns = LiveColumns(store.columns)
    ring = KeyRing(settings.api_key.get_secret_value() if settings.api_key else None)
    browser_sessions = BrowserSessions(ring, store.session_secret)
    request_metrics = Metrics()
    app = FastAPI(
        title="soundalike",
        summary="What else in my music collection sounds like this?",
        description=ABOUT,
        version=soundalike.__version__,
        openapi_tags=TAGS,
        servers=[{"url": "/", "description": "The server that sent this document."}],
        license_info={"name": "Apache 2.0", "identifier": "Apache-2.0"},
        docs_url=None,  # routes/docs.py has a page that needs no internet
        redoc_url=None,
        openapi_url=docs.OPENAPI_PATH,
        generate_unique_id_function=lambda route: route.name,
        lifespan=_lifespan(settings, store, live, columns, ring, browser_sessions, request_metrics),
        middleware=middleware(settings, ring, browser_sessions, request_metrics),
        redirect_slashes=False,
    )
    errors.install(app)
    for router, scope in ROUTERS:
        app.include_router(router, **_needs(scope))
    describe(app, _scopes())
    return app


def _scopes() -> dict[str, Scope]:
    """Return the scope that each operation needs a key of, by the operation's id."""
    return {
        route.operation_id or route.name: scope
        for router, scope in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and scope
    }


def _needs(scope: Scope | None) -> dict[str, Any]:
    """Return what routes of a router have in common that needs a key of this scope, or none."""
    if scope is None:
        return {}
    documented = errors.documented(401, 403, 429, 503)
    return {"dependencies": [Depends(RequireAccess(scope))], "responses": documented}


def _lifespan(
    settings: Settings,
    store: ArtifactStore,
    live: LiveIndex,
    columns: LiveColumns,
    ring: KeyRing,
    browser_sessions: BrowserSessions,
    request_metrics: Metrics,
) -> Callable[[FastAPI], AbstractAsyncContextManager[State]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        with imports_frozen(), tracing("soundalike-api"), connected_database(settings) as url:
            engine = open_pool(url)
            sessions = async_sessionmaker(engine, expire_on_commit=False)
            restart = partial(restart_database, settings)
            follower = PublicationFollower(engine, live, columns, restart_database=restart)
            async with ring.following(engine), follower.following():
                with closing(UploadEmbedder(settings)) as embedder:
                    sampler = MetricSampler(request_metrics, live, engine, embedder)
                    async with sampler.sampling():
                        yield State(
                            settings=settings,
                            sessions=sessions,
                            writing=partial(writing_session, engine),
                            store=store,
                            live=live,
                            columns=columns,
                            served_map=ServedMap(store),
                            metrics=request_metrics,
                            metric_sampler=sampler,
                            upload_embedder=embedder,
                            browser_sessions=browser_sessions,
                            feed=Feed(partial(events.read_state, sessions, live)),
                            statistics=SharedReading(partial(facets.read_statistics, sessions)),
                        )
            live.threads.close()
            await engine.dispose()

    return lifespan
