"""The origins of requests: known hosts, no other sites, no open socket without a key."""

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.browser_sessions import session_of
from serving.errors import Problem, respond
from serving.key_ring import KeyRing
from soundalike.settings import is_loopback
from soundalike.web_origins import is_cross_site, is_known_host, says_site

SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))


class CheckOrigin:
    """Middleware that refuses what a browser is made to send, and an open socket without a key."""

    def __init__(
        self, app: ASGIApp, hosts: Collection[str], origins: Collection[str], ring: KeyRing
    ) -> None:
        self.app = app
        self._hosts = hosts
        self._origins = origins
        self._ring = ring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403 or 421."""
        problem = self._problem(scope) if scope["type"] == "http" else None
        if problem:
            await respond(scope, problem)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _problem(self, scope: Scope) -> Problem | None:
        """Return why the request is refused, or None."""
        headers = Headers(scope=scope)
        if self._ring.is_needed is False and not _is_local(scope):
            detail = (
                "this server listens beyond loopback without an API key: set SOUNDALIKE_API_KEY, "
                "or make one with `soundalike keys add NAME`, or start it on 127.0.0.1"
            )
            return Problem(403, "open-without-key", detail)
        if not is_known_host(headers.get("host", ""), self._hosts):
            detail = "the Host header names no host of this server; SOUNDALIKE_HOSTS lists them"
            return Problem(421, "unknown-host", detail)
        if scope["method"] not in SAFE_METHODS and is_cross_site(headers, self._origins):
            detail = "another site sent this request; SOUNDALIKE_CORS_ORIGINS lists those that may"
            return Problem(403, "cross-site", detail)
        sends_key = "x-api-key" in headers or "authorization" in headers
        by_session = session_of(headers) is not None and not sends_key
        if scope["method"] not in SAFE_METHODS and by_session and not says_site(headers):
            detail = "a request by a browser's session says which page sent it, in `Origin`"
            return Problem(403, "cross-site", detail)
        return None


class SafeHeaders:
    """Middleware that tells browsers and proxies not to guess types, and not to keep answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, and add the headers that its answer does not have."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Cache-Control", "private, no-cache")
            await send(message)

        await self.app(scope, receive, sending)


def _is_local(scope: Scope) -> bool:
    """Return whether the connection reached us at loopback, or at a Unix socket."""
    server = scope.get("server")
    return server is None or server[0].startswith("/") or is_loopback(server[0])
