"""Turns: bounded work at a time, given back however it ends, and never taken by a slow sender."""

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from serving.limits import MAX_TURNS
from serving.middleware import turns
from serving.middleware.turns import TakeTurns
from tests.patience import PATIENCE


class Gated:
    """An application that answers once its gate is open; /fails fails, /health waits for none."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.full = asyncio.Event()
        self.inside = self.most = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/fails":
            raise LookupError
        if scope["path"] == "/health":
            await respond(receive, send)
            return
        self.inside += 1
        self.most = max(self.most, self.inside)
        if self.inside == MAX_TURNS:
            self.full.set()
        await self.gate.wait()
        self.inside -= 1
        await respond(receive, send)


async def respond(receive: Receive, send: Send) -> None:
    """Answer with the request's own body."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": (await receive())["body"]})


@pytest.fixture
def app() -> Gated:
    return Gated()


@pytest.fixture
async def client(app: Gated) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(TakeTurns(app, exempt=[re.compile("^/health$")]))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def test_so_many_are_computed_at_a_time_and_all_are_answered(
    app: Gated, client: httpx.AsyncClient
) -> None:
    asked = [asyncio.create_task(client.get("/")) for _ in range(3 * MAX_TURNS)]
    await asyncio.wait_for(app.full.wait(), PATIENCE)
    assert (await client.get("/health")).is_success, "it needs no turn"
    app.gate.set()
    assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}
    assert app.most == MAX_TURNS


async def test_a_failed_request_gives_its_turn_back(app: Gated, client: httpx.AsyncClient) -> None:
    app.gate.set()
    for _ in range(MAX_TURNS):
        with pytest.raises(LookupError):
            await client.get("/fails")
    assert (await client.post("/", content=b"whole")).content == b"whole"


async def test_who_waits_too_long_is_told_to_come_back(
    app: Gated, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [asyncio.create_task(client.get("/")) for _ in range(MAX_TURNS)]
    await asyncio.wait_for(app.full.wait(), PATIENCE)
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.05)
    answer = await asyncio.wait_for(client.get("/"), PATIENCE)
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("overloaded")
    assert answer.headers["retry-after"]
    app.gate.set()
    assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}
    assert (await client.get("/")).is_success, "what waited in vain took no turn"


async def test_a_slow_sender_takes_nobodys_turn(app: Gated, client: httpx.AsyncClient) -> None:
    app.gate.set()
    sending, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"half"
        sending.release()
        await go_on.wait()

    asked = [asyncio.create_task(client.post("/", content=slow())) for _ in range(MAX_TURNS)]
    for _ in asked:
        await asyncio.wait_for(sending.acquire(), PATIENCE)
    assert (await client.get("/")).is_success
    go_on.set()
    assert {answer.content for answer in await asyncio.gather(*asked)} == {b"half"}
