"""Running the service inside a test, and waiting for what it does by itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.types import Receive, Scope, Send

from serving.app import create_app
from serving.columns.live_columns import LiveColumns
from serving.index.live_index import LiveIndex
from soundalike.catalog.engine import Sessions
from soundalike.catalog.tables import TrackChangeRow
from soundalike.settings import Settings
from tests.patience import PATIENCE

Found = TypeVar("Found")


class ServiceClient(httpx.AsyncClient):
    """A client of a service in this process, whose columns and index a test may wait for."""

    columns: LiveColumns
    live: LiveIndex


@asynccontextmanager
async def running(settings: Settings, app: FastAPI | None = None) -> AsyncIterator[ServiceClient]:
    """A client of the service, with its lifespan; httpx's own transport does not run that."""
    app = app or create_app(settings)
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "state": dict(state or {})}, receive, send)

        transport = httpx.ASGITransport(with_state)
        async with ServiceClient(
            transport=transport, base_url="http://127.0.0.1", timeout=PATIENCE
        ) as client:
            client.columns, client.live = (state or {})["columns"], (state or {})["live"]
            yield client


async def eventually(look: Callable[[], Awaitable[Found | None]]) -> Found:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"{look} found nothing in {PATIENCE} s")


async def eventually_follows(api: ServiceClient, sessions: Sessions) -> None:
    """Returns when answers show what the catalog has now."""
    with sessions() as session:
        last = session.scalars(select(func.max(TrackChangeRow.xid))).one()

    async def look() -> bool:
        return api.columns.read_before > last

    await eventually(look)


async def eventually_serves(client: httpx.AsyncClient, version: str) -> None:
    """Returns when answers come from that version."""

    async def look() -> bool:
        answer = await client.get("/v1/index")
        return answer.status_code == 200 and answer.json()["version"] == version

    await eventually(look)


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The answer's problem, once it has the shape that every error has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert set(problem) - {"errors", "code"} == {
        *("type", "title", "status", "detail", "instance", "correlation_id")
    }
    assert problem["status"] == status
    assert problem["correlation_id"] == answer.headers["x-request-id"]
    assert problem["title"]
    assert problem["detail"]
    return problem
