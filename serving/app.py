"""The application: routes, middleware, and the resources that live as long as the process."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from functools import partial
from typing import Any

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import APIRouter, Depends, FastAPI, Security
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import async_sessionmaker
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

import soundalike
from serving import errors
from serving.browser_sessions import BrowserSessions
from serving.columns.live_columns import LiveColumns
from serving.database import open_pool, writing_session
from serving.dependencies import State
from serving.head_requests import AnswerHead
from serving.index.follower import PublicationFollower
from serving.index.live_index import LiveIndex, search_threads
from serving.key_ring import KeyRing
from serving.limits import COMPRESSION_LEVEL, MIN_COMPRESSED_BYTES
from serving.maps.served_map import ServedMap
from serving.metric_samples import MetricSampler
from serving.metrics import Metrics
from serving.middleware.api_key import RequireApiKey
from serving.middleware.body_limits import LimitBody
from serving.middleware.origins import CheckOrigin, SafeHeaders
from serving.middleware.rate_limit import LimitRate
from serving.middleware.request_log import LogRequests
from serving.middleware.revalidation import Revalidate
from serving.middleware.turns import TakeTurns
from serving.openapi import ABOUT, TAGS, describe
from serving.query_parameters import require_known_parameters
from serving.routes import (
    audio,
    browser_session,
    docs,
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
from soundalike.catalog.access import require_key_beyond_loopback
from soundalike.catalog.api_keys import Scope as ApiScope
from soundalike.logs import configure_logs, take_over_uvicorn_logs
from soundalike.postgres import connected_database, restart_database
from soundalike.settings import Settings, load_settings
from soundalike.storage.layout import ArtifactStore
from soundalike.web_origins import known_hosts


def _is_safe_id(request_id: str) -> bool:
    """Return whether a client's correlation id is safe in logs and responses."""
    return re.fullmatch(r"[A-Za-z0-9_.:-]{1,128}", request_id) is not None


def create_app(settings: Settings | None = None) -> FastAPI:
    """Create the application for these settings, or for those of the environment.

    Raises SettingsError if it would be open to the network without an API key.
    """
    settings = settings or load_settings()
    require_key_beyond_loopback(settings)
    configure_logs(settings.lowest_log_level, json=settings.environment == "production")
    take_over_uvicorn_logs()
    store = ArtifactStore(settings.data)
    live = LiveIndex(store, search_threads(settings))
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
        middleware=_middleware(settings, ring, browser_sessions, request_metrics),
        redirect_slashes=False,
    )
    errors.install(app)
    describe(app)
    app.include_router(page.router)
    app.include_router(docs.router)
    app.include_router(health.router, dependencies=[Depends(require_known_parameters)])
    read, admin = _needs("read"), _needs("admin")
    app.include_router(search.router, **read)  # first, as routes are tried in their order
    app.include_router(metrics.router, **read)
    app.include_router(index.router, **read)
    app.include_router(index.admin, **admin)
    app.include_router(failures.router, **read)
    app.include_router(failures.admin, **admin)
    app.include_router(pipeline.router, **read)
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


def _middleware(
    settings: Settings,
    ring: KeyRing,
    browser_sessions: BrowserSessions,
    request_metrics: Metrics,
) -> list[Middleware]:
    """List the middleware, outermost first: refused requests get an id and a log line too."""
    middleware = [
        Middleware(CorrelationIdMiddleware, validator=_is_safe_id),
        Middleware(SafeHeaders),
        Middleware(LogRequests, metrics=request_metrics),
        Middleware(
            CheckOrigin,
            hosts=known_hosts(settings.hosts, settings.host),
            origins=settings.cors_origins,
            ring=ring,
        ),
    ]
    if settings.cors_origins:
        middleware.append(Middleware(CORSMiddleware, **_cors(settings)))
    # Page and documentation tell nothing of the collection, and ask for the key themselves.
    documents = _paths(page.router) | _paths(docs.router) | {docs.OPENAPI_PATH}
    middleware.append(
        Middleware(
            RequireApiKey,
            ring=ring,
            browser_sessions=browser_sessions,
            open_paths=_paths(health.router) | documents,
        )
    )
    if settings.rate_limit:
        middleware.append(Middleware(LimitRate, limit=settings.rate_limit, metrics=request_metrics))
    middleware.append(Middleware(AnswerHead))
    middleware.append(
        Middleware(
            GZipMiddleware, minimum_size=MIN_COMPRESSED_BYTES, compresslevel=COMPRESSION_LEVEL
        )
    )
    middleware.append(Middleware(Revalidate))
    middleware.append(Middleware(LimitBody, upload_paths=_paths(uploads.router)))
    exempt = _patterns(health.router, uploads.router, audio.files)
    middleware.append(Middleware(TakeTurns, exempt=exempt))
    return middleware


def _cors(settings: Settings) -> dict[str, Any]:
    """Return what pages of other origins may send, and may read."""
    return {
        "allow_origins": settings.cors_origins,
        "allow_methods": ("GET", "POST"),
        "allow_headers": (
            *("Authorization", "Content-Type", "If-None-Match", "X-API-Key", "X-Request-ID"),
        ),
        "expose_headers": ("ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"),
    }


def _patterns(*routers: APIRouter) -> list[re.Pattern[str]]:
    """Return the patterns of the routers' paths."""
    routes = (route for router in routers for route in router.routes)
    return [route.path_regex for route in routes if isinstance(route, APIRoute)]


def _paths(router: APIRouter) -> frozenset[str]:
    """The exact paths of a router. Raises ValueError for one with parameters, which has many."""
    paths = frozenset(route.path for route in router.routes if isinstance(route, APIRoute))
    if any("{" in path for path in paths):
        raise ValueError(f"paths with parameters cannot be compared: {sorted(paths)}")
    return paths


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
        with connected_database(settings) as url:
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
                        )
            live.threads.close()
            await engine.dispose()

    return lifespan
