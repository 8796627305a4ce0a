"""Who may ask (everybody, or whoever has the API key where one is set), and how much at once."""

import secrets

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import Problem, respond
from serving.limits import MAX_BODY_BYTES, MAX_UPLOAD_BYTES

# Exact paths: load balancers and orchestrators ask these, and have no key.
OPEN_PATHS = frozenset({"/health/live", "/health/ready"})
UPLOAD_PATHS = frozenset({"/v1/search/audio"})


class RequireApiKey:
    """Answers 401 to all but health checks without the key. No route can forget to ask for it."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self.app = app
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it here."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or self._admits(scope):
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

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, counting what it sends."""
        received = 0
        most = MAX_UPLOAD_BYTES if scope.get("path") in UPLOAD_PATHS else MAX_BODY_BYTES

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:  # of the kind that FastAPI passes on while it reads a body
                raise HTTPException(413, f"the body may have {most} bytes at most")
            return message

        await self.app(scope, counting if scope["type"] == "http" else receive, send)
