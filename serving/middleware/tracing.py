"""Spans of requests: in the stack only where tracing is on."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.middleware.request_log import OTHER_ROUTE
from soundalike.tracing import request_span


class TraceRequests:
    """Middleware that opens a span for each request, named after its route."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request within a span; pass on any other scope."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        with request_span(scope["method"], Headers(scope=scope)) as span:
            try:
                await self.app(scope, receive, sending)
            finally:
                if span is not None:  # None before the server has started, and after it
                    route = getattr(scope.get("route"), "path", OTHER_ROUTE)
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attribute("http.route", route)
                    span.set_attribute("http.response.status_code", status)
