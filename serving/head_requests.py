"""HEAD requests: answered as GET is, without the body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class AnswerHead:
    """Middleware that serves HEAD wherever GET is: same status and headers, and no body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a HEAD request as a GET request; pass on any other one."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if "body" in message else message)

        # A copy, as the server reads from its own one that the body may be missing. `is_head` tells
        # routes that send files.
        inner = {**scope, "method": "GET", "is_head": True}
        try:
            await self.app(inner, receive, without_body)
        finally:
            scope["route"] = inner.get("route")
