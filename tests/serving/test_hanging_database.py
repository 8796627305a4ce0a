"""A PostgreSQL that hangs, neither dead nor alive: every answer comes, and says so."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from serving import database
from soundalike.catalog.upgrade import upgrade
from soundalike.postgres import connected_database
from soundalike.settings import Settings
from tests.postgres.hanging import hanging, postmaster_of

from .service import eventually, problem_of, running

PILE = 40


@pytest.fixture
def own_server(open_folder: Path) -> Iterator[tuple[Settings, psutil.Process]]:
    """A PostgreSQL that nobody else uses, with an empty catalog."""
    settings = Settings(data=open_folder)
    with connected_database(settings, durable=False) as url:
        upgrade(url)
        yield Settings(data=open_folder, DATABASE_URL=url), postmaster_of(open_folder)


@pytest.fixture
async def api(
    own_server: tuple[Settings, psutil.Process], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setattr(database, "REPLY_SECONDS", 0.5)
    monkeypatch.setattr(database, "POOL_TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(database, "CONNECT_TIMEOUT_SECONDS", 2)
    async with running(own_server[0]) as client:
        yield client


@pytest.mark.slow
async def test_every_answer_comes_and_says_why(
    api: httpx.AsyncClient, own_server: tuple[Settings, psutil.Process]
) -> None:
    assert (await api.get("/v1/tracks")).is_success, "with a connection in the pool"
    with hanging(own_server[1]):
        problem = problem_of(await api.get("/health/ready"), 503)
        assert problem["type"].endswith("catalog-unreachable")
        assert "1.5 s" in problem["detail"]
        answers = await asyncio.gather(*(api.get("/v1/tracks") for _ in range(PILE)))
        kinds = {problem_of(answer, 503)["type"].rpartition(":")[2] for answer in answers}
        assert kinds <= {"catalog-unreachable", "overloaded"}
        assert (await api.get("/health/live")).is_success

    async def healed() -> bool:
        return (await api.get("/v1/tracks")).is_success

    await eventually(healed)
