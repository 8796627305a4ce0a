"""Middleware: the request log, the API key, the limit on a request's body."""

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
OTHER_ROUTE = "other"  # no route matched: clients must not be able to add metric labels


class LogRequests:
    """Middleware that counts, times and logs requests, and turns uncaught errors into problems.

    The framework's own handler of last resort is outside of the correlation id's middleware.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request; pass on any other scope."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0  # 0: no response was started

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
                if status:  # the client has a part of the response: abort it
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
        log.error("request.unhandled_error", exc_info=error)
    else:
        log.warning("request.failed", reason=str(error).partition("\n")[0], status=status)


class RequireApiKey:
    """Middleware that answers 401 without the API key, so that no route can forget to check it."""

    def __init__(self, app: ASGIApp, key: str, open_paths: Collection[str]) -> None:
        """Exempt `open_paths`, exact paths, for load balancers and orchestrators without a key."""
        self.app = app
        self._key = key.encode()
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
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
        key = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        # In constant time, and as bytes, because a header may hold any byte.
        return secrets.compare_digest(key.encode("latin-1"), self._key)


class LimitBody:
    """Middleware that answers 413 as soon as a body has more bytes than its route allows.

    FastAPI's own limit answers in plain text, and then raises into the error handling here.
    """

    def __init__(self, app: ASGIApp, upload_paths: Collection[str]) -> None:
        """Allow MAX_UPLOAD_BYTES at `upload_paths`, whose body is an audio file."""
        self.app = app
        self._upload_paths = upload_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request while counting the bytes of its body."""
        received = 0
        is_upload = scope.get("path") in self._upload_paths
        limit = MAX_UPLOAD_BYTES if is_upload else MAX_BODY_BYTES

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:  # HTTPException, which FastAPI passes on while it reads a body
                raise HTTPException(413, f"the body is too large; the limit is {limit} bytes")
            return message

        await self.app(scope, counting if scope["type"] == "http" else receive, send)
