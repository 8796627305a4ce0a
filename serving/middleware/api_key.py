"""The API key: no route can forget to check it, and nobody can try many."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Collection

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.errors import Problem, respond
from serving.limits import FAILED_KEY_SECONDS, MAX_FAILED_KEYS, MAX_KNOWN_ADDRESSES
from serving.middleware.request_log import client_address

log = structlog.get_logger()


class FailedKeys:
    """The wrong keys of each address in the last minute, of so many addresses as fit."""

    def __init__(self) -> None:
        self._since: OrderedDict[str, tuple[float, int]] = OrderedDict()

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

    def _count(self, address: str) -> tuple[float, int]:
        now = time.monotonic()
        since, count = self._since.get(address, (now, 0))
        return (since, count) if now - since < FAILED_KEY_SECONDS else (now, 0)


class RequireApiKey:
    """Middleware that answers 401 without the API key, and 429 to who tries many."""

    def __init__(self, app: ASGIApp, key: str, open_paths: Collection[str]) -> None:
        """Exempt `open_paths`, exact paths, for load balancers and orchestrators without a key."""
        self.app = app
        self._key = key.encode()
        self._open_paths = open_paths
        self._failed = FailedKeys()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401 or 429."""
        if scope["type"] != "http" or scope["path"] in self._open_paths:
            await self.app(scope, receive, send)
            return
        address, keys = client_address(scope), _keys(Headers(scope=scope))
        if keys and self._failed.too_many(address):
            detail = f"too many wrong keys from this address; wait {FAILED_KEY_SECONDS} s"
            headers = {"Retry-After": str(FAILED_KEY_SECONDS)}
            await respond(scope, Problem(429, "wrong-keys", detail, headers))(scope, receive, send)
        elif self._any_right(keys):
            await self.app(scope, receive, send)
        else:
            if keys:
                self._failed.add(address)
            await respond(scope, _unauthorized())(scope, receive, send)

    def _any_right(self, keys: list[bytes]) -> bool:
        """Compare in constant time; a Bearer token may be another service's, beside our key."""
        return any(secrets.compare_digest(key, self._key) for key in keys)


def _keys(headers: Headers) -> list[bytes]:
    """Return what may be keys, as bytes, because a header may hold any byte."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return [key.encode("latin-1") for key in (headers.get("x-api-key", ""), bearer) if key]


def _unauthorized() -> Problem:
    return Problem(
        401,
        None,
        "send the key of SOUNDALIKE_API_KEY as `X-API-Key: KEY` or `Authorization: Bearer KEY`",
        {"WWW-Authenticate": 'Bearer realm="soundalike"'},
    )
