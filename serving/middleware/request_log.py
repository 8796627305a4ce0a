"""The request log: one line and one count a request, and the last handler of errors."""

import time

import structlog
from asgi_correlation_id import correlation_id
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import as_problem, respond, shown_path
from serving.key_ring import Caller
from serving.metrics import Metrics
from soundalike.errors import in_one_line

log = structlog.get_logger()

SERVER_ERROR = 500
ABANDONED = 499  # as nginx names it: the client left before the answer, which it never gets
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
            except ClientDisconnect:
                status = status or ABANDONED
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
        caller: Caller | None = scope.get("caller")
        log.info(
            "request",
            method=scope["method"],
            route=route,
            path=shown_path(scope),
            client=client_address(scope),
            key=caller.name if caller else None,
            status=status,
            ms=round(1000 * seconds, 1),
        )


def _log_error(error: Exception, status: int) -> None:
    if status == SERVER_ERROR:
        log.error("request.unhandled_error", exc_info=error)
    else:
        log.warning("request.failed", reason=in_one_line(error), status=status)


def client_address(scope: Scope) -> str:
    """Return the client's address: the server replaces a trusted proxy's by what that forwards."""
    client = scope.get("client")
    return str(client[0]) if client else ""
