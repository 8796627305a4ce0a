"""The API key: no route can forget to check it, and nobody can try many."""

import time
from collections import OrderedDict
from collections.abc import Collection

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.browser_sessions import BrowserSessions, session_of
from serving.errors import RETRY_LATER, Problem, as_problem, respond
from serving.key_ring import OWNER, SETTINGS_KEY, Caller, KeyRing
from serving.limits import FAILED_KEY_SECONDS, MAX_FAILED_KEYS, MAX_KNOWN_ADDRESSES
from serving.middleware.request_log import client_address

log = structlog.get_logger()

CREDENTIALS = "Authorization, Cookie, X-API-Key"


class FailedKeys:
    """The wrong keys of each address in the last minute, of so many addresses as fit."""

    def __init__(self) -> None:
        self._since: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._trusted: OrderedDict[str, None] = OrderedDict()

    def too_many(self, address: str) -> bool:
        """Return whether the address has sent as many as it may."""
        return self._count(address)[1] >= MAX_FAILED_KEYS

    def add(self, address: str) -> None:
        """Count one more; the address that is longest known makes room."""
        since, count = self._count(address)
        self._since[address] = since, count + 1
        self._since.move_to_end(address)
        if len(self._since) > MAX_KNOWN_ADDRESSES:
            self._since.popitem(last=False)
        if count + 1 == MAX_FAILED_KEYS:
            log.warning("api_key.throttled", client=address, seconds=FAILED_KEY_SECONDS)

    def trust(self, address: str) -> None:
        """Remember an address that sent the settings' key; the longest silent one makes room."""
        self._trusted[address] = None
        self._trusted.move_to_end(address)
        if len(self._trusted) > MAX_KNOWN_ADDRESSES:
            self._trusted.popitem(last=False)

    def refuses(self, address: str, caller: Caller | None) -> bool:
        """Return whether a key from this address, which is the caller's, is not to be looked at.

        A key of the catalog cannot be guessed. A person may have chosen that of the settings, so
        among many wrong ones it counts only from where it came before.
        """
        is_guess = caller is None or (caller is SETTINGS_KEY and address not in self._trusted)
        return is_guess and self.too_many(address)

    def _count(self, address: str) -> tuple[float, int]:
        now = time.monotonic()
        since, count = self._since.get(address, (now, 0))
        return (since, count) if now - since < FAILED_KEY_SECONDS else (now, 0)


class RequireApiKey:
    """Middleware that answers 401 without an API key, and 429 to who tries many.

    It notes in the scope who the caller is; where no key was ever made, that is the owner.
    """

    def __init__(
        self,
        app: ASGIApp,
        ring: KeyRing,
        browser_sessions: BrowserSessions,
        open_paths: Collection[str],
    ) -> None:
        """Exempt `open_paths`, exact paths, for load balancers and orchestrators without a key."""
        self.app = app
        self._ring = ring
        self._sessions = browser_sessions
        self._open_paths = open_paths
        self._failed = FailedKeys()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401, 429 or 503; the answer is for who sent this key."""
        if scope["type"] != "http" or scope["path"] in self._open_paths:
            await self.app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).add_vary_header(CREDENTIALS)
            await send(message)

        await self._serve(scope, receive, sending)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        keys = _keys(headers)
        session = None if keys else session_of(headers)  # a key that is sent says more
        known = await self._sessions.caller(session) if session else None
        caller = known or await self._admit(client_address(scope), keys)
        if isinstance(caller, Problem):
            await respond(scope, caller)(scope, receive, send)
            return
        scope["caller"] = caller
        await self.app(scope, receive, send)

    async def _admit(self, address: str, keys: list[bytes]) -> Caller | Problem:
        """Return the caller, or why the request is refused.

        A Bearer token may be another service's, beside our key.
        """
        caller = self._ring.find(keys)
        if caller is None and self._ring.is_needed is False:
            return OWNER
        if keys and self._failed.refuses(address, caller):
            detail = f"too many wrong keys from this address; wait {FAILED_KEY_SECONDS} s"
            return Problem(429, "wrong-keys", detail, {"Retry-After": str(FAILED_KEY_SECONDS)})
        if keys and caller is None:
            await self._ring.refresh()  # it may be new
            caller = self._ring.find(keys)
        if caller is SETTINGS_KEY:
            self._failed.trust(address)
        if caller:
            return caller
        if keys:
            self._failed.add(address)
        if self._ring.problem and (keys or self._ring.is_needed is None):
            return _cannot_tell(self._ring.problem)
        return _unauthorized()


def _keys(headers: Headers) -> list[bytes]:
    """Return what may be keys, as bytes, because a header may hold any byte."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return [key.encode("latin-1") for key in (headers.get("x-api-key", ""), bearer) if key]


def _cannot_tell(error: Exception) -> Problem:
    """Return the problem of a catalog that does not tell whether it has the key."""
    problem = as_problem(error)
    if problem.kind in ("catalog-not-upgraded", "overloaded"):
        return problem
    detail = "the catalog, which has the API keys, does not respond; try again in a moment"
    return Problem(503, "catalog-unreachable", detail, RETRY_LATER)


def _unauthorized() -> Problem:
    return Problem(
        401,
        None,
        "send a key as `X-API-Key: KEY` or `Authorization: Bearer KEY`: that of "
        "SOUNDALIKE_API_KEY, or one that `soundalike keys add NAME` made",
        {"WWW-Authenticate": 'Bearer realm="soundalike"'},
    )
