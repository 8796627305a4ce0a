"""The limit of a request's body."""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import Problem, respond
from serving.limits import MAX_BODY_BYTES, MAX_UPLOAD_BYTES


class LimitBody:
    """Middleware that answers 413 to a body with more bytes than its route allows.

    It does so before any byte if the length is declared, and as soon as they are too many if not.
    FastAPI's own limit answers in plain text, and then raises into the error handling here.
    """

    def __init__(self, app: ASGIApp, upload_paths: Collection[str]) -> None:
        """Allow MAX_UPLOAD_BYTES at `upload_paths`, whose body is an audio file."""
        self.app = app
        self._upload_paths = upload_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request while counting the bytes of its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_upload = scope["path"] in self._upload_paths
        limit = MAX_UPLOAD_BYTES if is_upload else MAX_BODY_BYTES
        detail = f"the body is too large; the limit is {limit} bytes"
        headers = Headers(scope=scope)
        if int(headers.get("content-length", 0)) > limit:  # the server requires digits
            # Who waits for `100 Continue` will send no body: the connection is of no more use.
            closing = {"Connection": "close"} if "expect" in headers else None
            await respond(scope, Problem(413, None, detail, closing))(scope, receive, send)
            return
        received = 0

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:  # HTTPException, which FastAPI passes on while it reads a body
                raise HTTPException(413, detail)
            return message

        await self.app(scope, counting, send)
