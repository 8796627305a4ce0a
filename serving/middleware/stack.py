"""The stack of middleware, and the routes that a part of it does not hold for."""

import re
from typing import Any

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from serving.browser_sessions import BrowserSessions
from serving.head_requests import AnswerHead
from serving.key_ring import KeyRing
from serving.limits import COMPRESSION_LEVEL, MIN_COMPRESSED_BYTES, UNCOMPRESSED_TYPES
from serving.metrics import Metrics
from serving.middleware.api_key import RequireApiKey
from serving.middleware.body_limits import LimitBody
from serving.middleware.origins import CheckOrigin, SafeHeaders
from serving.middleware.rate_limit import LimitRate
from serving.middleware.request_log import LogRequests
from serving.middleware.revalidation import Revalidate
from serving.middleware.tracing import TraceRequests
from serving.middleware.turns import TakeTurns
from serving.routes import audio, docs, events, health, page, uploads
from soundalike import tracing
from soundalike.settings import Settings
from soundalike.web_origins import known_hosts


def middleware(
    settings: Settings,
    ring: KeyRing,
    browser_sessions: BrowserSessions,
    request_metrics: Metrics,
) -> list[Middleware]:
    """List the middleware, outermost first: refused requests get an id and a log line too."""
    stack = [
        Middleware(CorrelationIdMiddleware, validator=_is_safe_id),
        *([Middleware(TraceRequests)] if tracing.is_wanted() else []),
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
        stack.append(Middleware(CORSMiddleware, **_cors(settings)))
    # Page and documentation tell nothing of the collection, and ask for the key themselves.
    documents = _paths(page.router) | _paths(docs.router) | {docs.OPENAPI_PATH}
    stack.append(
        Middleware(
            RequireApiKey,
            ring=ring,
            browser_sessions=browser_sessions,
            open_paths=_paths(health.router) | documents,
        )
    )
    if settings.rate_limit:
        stack.append(Middleware(LimitRate, limit=settings.rate_limit, metrics=request_metrics))
    stack.append(Middleware(AnswerHead))
    stack.append(
        Middleware(
            GZipMiddleware,
            minimum_size=MIN_COMPRESSED_BYTES,
            compresslevel=COMPRESSION_LEVEL,
            exclude_content_types=UNCOMPRESSED_TYPES,
        )
    )
    stack.append(Middleware(Revalidate))
    stack.append(Middleware(LimitBody, upload_paths=_paths(uploads.router)))
    exempt = _patterns(health.router, uploads.router, audio.files, events.router)
    stack.append(Middleware(TakeTurns, exempt=exempt))
    return stack


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


def _is_safe_id(request_id: str) -> bool:
    """Return whether a client's correlation id is safe in logs and responses."""
    return re.fullmatch(r"[A-Za-z0-9_.:-]{1,128}", request_id) is not None
