"""Middleware: the request log, the API key, the bound of a request's body."""

import logging
import secrets
import time
from collections.abc import Collection

import structlog
from asgi_correlation_id import correlation_id
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import Problem, as_problem, respond, shown_path
from serving.limits import MAX_BODY_BYTES, MAX_UPLOAD_BYTES
from serving.metrics import Metrics

log = structlog.get_logger()

SERVER_ERROR = 500
OTHER_ROUTE = "other"  # what no route of ours matched: clients must not be able to add labels


class LogRequests:
    """Counts, times and logs each request; turns an uncaught error into a problem.

    The framework's own last resort would answer outside of the correlation id's middleware.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or pass on what is none."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0  # 0: not answered at all

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with structlog.contextvars.bound_contextvars(correlation_id=correlation_id.get()):
            try:
                await self.app(scope, receive, sending)
            except Exception as error:
                problem = as_problem(error)
                _log_error(error, problem.status)
                if status:  # the client has half an answer: break it off
                    raise
                await respond(scope, problem)(scope, receive, sending)
            finally:
                self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", OTHER_ROUTE)
        self.metrics.requests.labels(route, status).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        log.info(
            "request",
            method=scope["method"],
            route=route,
            path=shown_path(scope),
            status=status,
            ms=round(1000 * seconds, 1),
        )


def _log_error(error: Exception, status: int) -> None:
    if status == SERVER_ERROR:
        log.error("unhandled error", exc_info=error)
    else:
        log.warning("not answered", reason=str(error).partition("\n")[0], status=status)


class RequireApiKey:
    """Answers 401 without the key to all but the open paths. No route can forget to require it."""

    def __init__(self, app: ASGIApp, key: str, open_paths: Collection[str]) -> None:
        """`open_paths` are exact: load balancers and orchestrators, which have no key, use them."""
        self.app = app
        self._key = key.encode()
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it here."""
        if scope["type"] != "http" or scope["path"] in self._open_paths or self._admits(scope):
            await self.app(scope, receive, send)
            return
        problem = Problem(
            401,
            None,
            "send the key of SOUNDALIKE_API_KEY as `X-API-Key: KEY` or `Authorization: Bearer KEY`",
            {"WWW-Authenticate": 'Bearer realm="soundalike"'},
        )
        await respond(scope, problem)(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        # In constant time, over bytes: a header may hold any of them.
        return secrets.compare_digest(given.encode("latin-1"), self._key)


class LimitBody:
    """Answers 413 to a body that is too large, having read no more of it than is allowed.

    FastAPI's own limit answers in plain text, and then raises into our error handling.
    """

    def __init__(self, app: ASGIApp, upload_paths: Collection[str]) -> None:
        """`upload_paths` are those whose body is an audio file."""
        self.app = app
        self._upload_paths = upload_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, counting what it sends."""
        received = 0
        is_upload = scope.get("path") in self._upload_paths
        limit = MAX_UPLOAD_BYTES if is_upload else MAX_BODY_BYTES

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:  # of the kind that FastAPI passes on while it reads a body
                raise HTTPException(413, f"the body may have {limit} bytes at most")
            return message

        await self.app(scope, counting if scope["type"] == "http" else receive, send)


def take_over_uvicorn_logs() -> None:
    """Let uvicorn's lines go through our one handler, without its own access log."""
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
