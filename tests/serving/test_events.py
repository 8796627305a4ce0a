"""Events: each change is told, places are bounded, and neither a stop nor a revoked key waits."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.feed import Feed
from serving.limits import MAX_LISTENERS
from soundalike.catalog.api_keys import add_key
from soundalike.settings import Settings
from tests.patience import PATIENCE

from .collection import Collection, numbered
from .server import server
from .service import eventually, problem_of

States = AsyncIterator[dict[str, Any]]


@asynccontextmanager
async def following(api: httpx.AsyncClient) -> AsyncIterator[States]:
    async with api.stream("GET", "/v1/events") as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield _states(answer)


async def _states(answer: httpx.Response) -> States:
    async for line in answer.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def until(states: States, version: str | None) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        async for state in states:
            if (state["index"] or {}).get("version") == version:
                return state
    raise AssertionError("the stream has ended")


@pytest.fixture
def settings(database_url: str, collection: Collection) -> Settings:
    return Settings(DATABASE_URL=database_url, data=collection.store.root)


async def test_a_publication_is_told_and_says_what_the_routes_say(
    collection: Collection, settings: Settings, tmp_path: Path
) -> None:
    collection.add(*numbered(3))
    async with (
        server(settings, tmp_path / "log") as (_, url),
        httpx.AsyncClient(base_url=url, timeout=PATIENCE) as api,
        following(api) as states,
    ):
        first = await until(states, None)
        assert first["pipeline"] == (await api.get("/v1/pipeline")).json()
        version = collection.publish()
        told = await until(states, version)
        assert told["index"] == (await api.get("/v1/index")).json()
        again = await until(states, version)
        assert again == told, "what has not changed is told again"


@pytest.mark.slow
async def test_no_more_than_all_places_are_taken_at_once_and_they_come_free(
    settings: Settings, tmp_path: Path
) -> None:
    limits = httpx.Limits(max_connections=None)
    async with (
        server(settings, tmp_path / "log") as (_, url),
        httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=limits) as api,
    ):
        async with AsyncExitStack() as listeners:
            asked = [api.build_request("GET", "/v1/events") for _ in range(MAX_LISTENERS + 20)]
            answers = await asyncio.gather(*(api.send(each, stream=True) for each in asked))
            for answer in answers:
                listeners.push_async_callback(answer.aclose)
            told = [answer.status_code for answer in answers]
            assert (told.count(200), told.count(503)) == (MAX_LISTENERS, 20)
            problem = problem_of(await api.get("/v1/events"), 503)
            assert problem["type"].endswith("overloaded")
            assert (await api.get("/v1/pipeline")).status_code == 200

        async def has_room() -> bool:
            async with api.stream("GET", "/v1/events") as answer:
                return answer.status_code == 200

        assert await eventually(has_room)


@pytest.mark.slow
async def test_a_server_that_stops_does_not_wait_for_listeners(
    settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    async with (
        server(settings, log) as (process, url),
        httpx.AsyncClient(base_url=url, timeout=PATIENCE) as api,
        following(api) as states,
    ):
        await until(states, None)
        process.terminate()
        with pytest.raises(httpx.RemoteProtocolError):
            await until(states, "none")
        await asyncio.to_thread(process.wait)
    said = log.read_text()
    assert "graceful shutdown exceeded" not in said
    assert "Traceback" not in said


async def test_events_need_a_key_where_there_are_keys(
    collection: Collection, settings: Settings, tmp_path: Path
) -> None:
    with collection.sessions.begin() as session:
        key = add_key(session, "reader", "read")
    async with (
        server(settings, tmp_path / "log") as (_, url),
        httpx.AsyncClient(base_url=url, timeout=PATIENCE) as api,
    ):
        problem_of(await api.get("/v1/events"), 401)
        api.headers["X-API-Key"] = key
        async with following(api) as states:
            await until(states, None)
        answer = await api.head("/v1/events")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")


async def test_a_feed_reads_only_while_somebody_listens_and_survives_a_failed_read() -> None:
    readings = 0

    async def read() -> str:
        nonlocal readings
        readings += 1
        if readings == 1:
            raise OSError("away")
        return f"reading {readings}"

    feed = Feed(read)
    await asyncio.sleep(0)
    assert readings == 0
    async with feed.listening() as one, feed.listening() as other:
        assert await anext(one) == await anext(other) == "reading 2"
        assert feed.listeners == 2
    assert feed.listeners == 0
    before = readings
    async with feed.listening() as later:
        assert re.fullmatch(r"reading \d+", await anext(later))
    assert readings == before + 1
