"""The API's connections to the catalog: they cannot write, and nothing takes for ever."""

import asyncio

import httpx
import pytest
from sqlalchemy import delete, text
from sqlalchemy.exc import InternalError
from sqlalchemy.ext.asyncio import AsyncSession

from serving import database
from serving.database import open_pool
from soundalike.catalog.engine import Sessions
from soundalike.catalog.tables import Track
from soundalike.settings import Settings

from .service import problem_of, running


async def test_api_cannot_write(database_url: str) -> None:
    engine = open_pool(database_url)
    async with AsyncSession(engine) as session:
        with pytest.raises(InternalError, match="read-only"):
            await session.execute(delete(Track))
    await engine.dispose()


async def test_query_that_takes_too_long_is_cut_off(
    settings: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "STATEMENT_SECONDS", 0.05)
    async with running(settings) as api:
        with sessions.begin() as session:
            session.execute(text("lock table tracks in access exclusive mode"))
            problem = problem_of(await api.get("/v1/tracks"), 503)
        assert problem["type"] == "urn:soundalike:problem:too-slow"
        assert (await api.get("/v1/tracks")).status_code == 200


async def test_more_requests_than_connections_all_get_an_answer(api: httpx.AsyncClient) -> None:
    many = 4 * (database.POOL_SIZE + database.POOL_OVERFLOW)
    answers = await asyncio.gather(*(api.get("/v1/tracks") for _ in range(many)))
    assert {answer.status_code for answer in answers} == {200}
