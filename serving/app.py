"""The application: routes, middleware, and the resources that live as long as the process."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from functools import partial
from typing import Any

from fastapi import Depends, FastAPI, Security
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
from serving.query_parameters import require_known_parameters
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
from serving.scopes import require_scopes
from serving.search.uploads import UploadEmbedder
from serving.shared_reading import SharedReading
from serving.state import State
from soundalike.catalog.access import require_key_beyond_loopback
from soundalike.catalog.api_keys import Scope as ApiScope
from soundalike.garbage_collection import imports_frozen
from soundalike.logs import configure_logs, take_over_uvicorn_logs
from soundalike.postgres import connected_database, restart_database
from soundalike.settings import Settings, load_settings
from soundalike.storage.layout import ArtifactStore
from soundalike.tracing import tracing
from soundalike.vectors.milvus.server import Milvus


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
    describe(app)
    read, admin = _needs("read"), _needs("admin")
    app.include_router(search.router, **read)  # first, as routes are tried in their order
    app.include_router(page.router)
    app.include_router(docs.router)
    app.include_router(health.router, dependencies=[Depends(require_known_parameters)])
    app.include_router(metrics.router, **read)
    app.include_router(index.router, **read)
    app.include_router(index.admin, **admin)
    app.include_router(failures.router, **read)
    app.include_router(failures.admin, **admin)
    app.include_router(pipeline.router, **read)
    app.include_router(events.router, **read)
    app.include_router(roots.router, **read)
    app.include_router(facets.router, **read)
    app.include_router(maps.router, **read)
    app.include_router(tracks.router, **read)
    app.include_router(vectors.router, **read)
    app.include_router(audio.files, **read)
    app.include_router(audio.router, **read)
    app.include_router(playlist_files.router, **read)
    app.include_router(browser_session.router, **read)
    app.include_router(journeys.router, **read)
    app.include_router(uploads.router, **read)
    return app


def _needs(scope: ApiScope) -> dict[str, Any]:
    """Return what routes of a router have in common that needs a key of this scope."""
    checks = [Security(require_scopes, scopes=[scope]), Depends(require_known_parameters)]
    return {"dependencies": checks, "responses": errors.documented(401, 403, 429, 503)}


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
