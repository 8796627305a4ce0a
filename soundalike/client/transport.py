"""The two clients: they only send, wait and read; operations are in `operations`."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

import httpx2

from soundalike.client.binding import AsyncSender, Sender
from soundalike.client.call import Call
from soundalike.client.operations import Operations
from soundalike.client.problems import UnexpectedAnswer, Unreachable, error_of

ADDRESS = "http://127.0.0.1:8000"
TIMEOUT_SECONDS = 60.0  # an upload is embedded meanwhile
UNAVAILABLE = 503
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Retries:
    """The bounds of asking a server again that cannot answer now.

    Only a 503 that says when (`Retry-After`) is. If it says more than `longest` seconds, there is
    no waiting.
    """

    most: int = 3
    longest: float = 30.0

    def wait(self, response: httpx2.Response, attempt: int) -> float | None:
        """Return the seconds until the next attempt; None if there is to be none."""
        after = response.headers.get("retry-after", "")
        if response.status_code != UNAVAILABLE or attempt >= self.most or not after.isdecimal():
            return None
        return float(after) if float(after) <= self.longest else None


class Connection:
    """A connection to a service, which both clients have.

    `key`: the API key, where the server has one. `options` are passed to httpx2's client (`verify`,
    `proxy`, `transport`, ...).
    """

    _open: ClassVar[Callable[..., Any]]
    _http: Any

    def __init__(
        self,
        address: str = ADDRESS,
        *,
        key: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        retries: Retries = Retries(),
        **options: Any,  # noqa: ANN401 - those of httpx2
    ) -> None:
        headers = {"X-API-Key": key} if key else {}
        self._retries = retries
        self._http = self._open(base_url=address, headers=headers, timeout=timeout, **options)


class Client(Connection, Operations, Sender):
    """A client of the API. A context manager; a notebook need not close it."""

    _open = httpx2.Client
    _http: httpx2.Client

    def send(self, call: Call[Answer]) -> Answer:
        """Send a call and return its answer. Raises ApiError."""
        attempt = 0
        while True:
            with _understood(self._http.base_url):
                response = self._http.request(**call.request)
            wait = self._retries.wait(response, attempt)
            if wait is None:
                return _answer(call, response)
            time.sleep(wait)
            attempt += 1

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient(Connection, Operations, AsyncSender):
    """A client for asyncio: `await music.get_track(...)`, `async for` over listings."""

    _open = httpx2.AsyncClient
    _http: httpx2.AsyncClient

    async def send(self, call: Call[Answer]) -> Answer:
        """Send a call and return its answer. Raises ApiError."""
        attempt = 0
        while True:
            with _understood(self._http.base_url):
                response = await self._http.request(**call.request)
            wait = self._retries.wait(response, attempt)
            if wait is None:
                return _answer(call, response)
            await asyncio.sleep(wait)
            attempt += 1

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


@contextmanager
def _understood(address: httpx2.URL) -> Iterator[None]:
    try:
        yield
    except httpx2.TransportError as error:
        raise Unreachable(
            f"{address} does not respond ({type(error).__name__}: {error}). Is `soundalike up` "
            "running there?"
        ) from error


def _answer(call: Call[Answer], response: httpx2.Response) -> Answer:
    if not response.is_success:
        raise error_of(response)
    try:
        return call.read(response)
    except ValueError as error:
        raise UnexpectedAnswer(
            f"{response.request.url}: the answer is not of this client's version: {error}"
        ) from error
