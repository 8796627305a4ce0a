"""The API's connections to the catalog: they cannot write, and nothing takes for ever."""

import asyncio
import gc
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from fastapi import Request
from sqlalchemy import QueuePool, create_engine, delete, make_url, text
from sqlalchemy.exc import InternalError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from serving import database
from serving.database import POOL_OVERFLOW, POOL_SIZE, open_pool
from serving.dependencies import open_session
from serving.index.live_index import LiveIndex
from serving.metrics import Metrics
from serving.state import State
from soundalike.catalog.engine import Sessions
from soundalike.catalog.tables import RootRow, TrackRow
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore

from .service import problem_of, running


async def test_api_cannot_write(database_url: str) -> None:
    engine = open_pool(database_url)
    async with AsyncSession(engine) as session:
        with pytest.raises(InternalError, match="read-only"):
            await session.execute(delete(TrackRow))
    await engine.dispose()


async def test_statements_of_an_answer_are_of_one_moment(
    database_url: str, sessions: Sessions
) -> None:
    """Else a list has a total that counts what its items do not hold, or the other way round."""
    engine = open_pool(database_url)
    counted = text("select count(*) from roots")
    async with AsyncSession(engine) as session:
        before = await session.scalar(counted)
        with sessions.begin() as other:
            other.add(RootRow(location=b"/music", name="music"))
        assert await session.scalar(counted) == before
    async with AsyncSession(engine) as session:
        assert await session.scalar(counted) == (before or 0) + 1
    await engine.dispose()


async def test_each_statement_has_ten_seconds_whatever_was_rolled_back(database_url: str) -> None:
    engine = open_pool(database_url)
    for _ in range(2):
        async with AsyncSession(engine) as session:
            assert await session.scalar(text("show statement_timeout")) == "10s"
            await session.rollback()
    await engine.dispose()


async def test_query_that_takes_too_long_is_cut_off(
    settings: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "STATEMENT_TIMEOUT_SECONDS", 0.05)
    async with running(settings) as api:
        with sessions.begin() as session:
            session.execute(text("lock table tracks in access exclusive mode"))
            problem = problem_of(await api.get("/v1/tracks"), 503)
        assert problem["type"] == "urn:soundalike:problem:too-slow"
        assert (await api.get("/v1/tracks")).status_code == 200


@pytest.mark.slow
async def test_more_requests_than_connections_all_get_an_answer(api: httpx.AsyncClient) -> None:
    many = 4 * (database.POOL_SIZE + database.POOL_OVERFLOW)
    answers = await asyncio.gather(*(api.get("/v1/tracks") for _ in range(many)))
    assert {answer.status_code for answer in answers} == {200}


async def test_a_connection_that_dies_after_the_answer_harms_neither_it_nor_the_pool(
    database_url: str, store: ArtifactStore, server_url: str
) -> None:
    engine = open_pool(database_url)
    live = LiveIndex(store)
    state = State(sessions=async_sessionmaker(engine), live=live, metrics=Metrics())
    ended = text("select pg_terminate_backend(pid) from pg_stat_activity where datname = :name")
    other = create_engine(server_url, isolation_level="AUTOCOMMIT")
    for _ in range(POOL_SIZE + POOL_OVERFLOW + 1):
        opened = open_session(cast("Request", SimpleNamespace(state=state)))
        await (await anext(opened)).execute(text("select 1"))
        with other.connect() as connection:
            connection.execute(ended, {"name": make_url(database_url).database})
        assert await anext(opened, "the end") == "the end"
    assert cast("QueuePool", engine.pool).checkedout() == 0
    other.dispose()
    await engine.dispose()


async def test_a_request_that_is_cancelled_at_any_moment_loses_no_connection(
    database_url: str,
) -> None:
    engine = open_pool(database_url)

    async def ask() -> None:
        async with AsyncSession(engine) as session:
            await session.execute(text("select 1"))

    await ask()
    for steps in range(60):
        task = asyncio.create_task(ask())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    gc.collect()
    assert cast("QueuePool", engine.pool).checkedout() == 0
    await engine.dispose()
