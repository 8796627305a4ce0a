"""Keys of the catalog: who is admitted, to what, and how fast a revocation counts."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import event

from serving import key_ring
from serving.app import create_app
from serving.database import open_pool
from serving.key_ring import KeyRing
from serving.limits import MAX_FAILED_KEYS
from soundalike.catalog.api_keys import Scope, add_key, every_key, revoke_key
from soundalike.catalog.engine import Sessions
from soundalike.settings import Settings
from tests.patience import PATIENCE

from .collection import Collection
from .conftest import KEY
from .server import answering_alone, both_workers, server
from .service import eventually, problem_of, running
from .test_follower import refuse_connections
from .test_openapi import operations

SEARCHES = {"search_tracks_by_examples", "search_tracks_in_batch", "search_tracks_by_audio"}
OF_A_BROWSER = {"open_browser_session", "close_browser_session"}
READING = SEARCHES | OF_A_BROWSER | {"write_playlist", "look_up_tracks"}


@pytest.fixture(autouse=True)
def _read_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "KEY_POLL_SECONDS", 0.05)


async def make(sessions: Sessions, name: str, scope: Scope = "read") -> dict[str, str]:
    """The header of a new key. In a thread: it may wait for the service, which needs the loop."""

    def add() -> str:
        with sessions.begin() as session:
            return add_key(session, name, scope)

    return {"X-API-Key": await asyncio.to_thread(add)}


async def revoke(sessions: Sessions, name: str) -> None:
    """End a key; in a thread as well."""

    def end() -> None:
        with sessions.begin() as session:
            revoke_key(session, name)

    await asyncio.to_thread(end)


async def eventually_answers(
    api: httpx.AsyncClient, status: int, headers: dict[str, str] | None = None
) -> None:
    async def look() -> bool:
        return (await api.get("/v1/tracks", headers=headers)).status_code == status

    await eventually(look)


async def test_the_first_key_closes_a_server_that_runs_and_opens_it_at_once(
    api: httpx.AsyncClient, sessions: Sessions
) -> None:
    assert (await api.get("/v1/tracks")).is_success
    phone = await make(sessions, "phone")
    await eventually_answers(api, 401)
    tv = await make(sessions, "tv")
    for headers in (tv, phone, {"Authorization": f"Bearer {tv['X-API-Key']}"}):
        assert (await api.get("/v1/tracks", headers=headers)).is_success
    assert (await api.get("/health/live")).is_success


async def test_a_revoked_key_opens_nothing_and_neither_does_the_last_one_that_goes(
    api: httpx.AsyncClient, sessions: Sessions
) -> None:
    phone, tv = await make(sessions, "phone"), await make(sessions, "tv")
    await eventually_answers(api, 401)
    await revoke(sessions, "phone")
    await eventually_answers(api, 401, phone)
    assert (await api.get("/v1/tracks", headers=tv)).is_success
    await revoke(sessions, "tv")
    await eventually_answers(api, 401, tv)
    problem_of(await api.get("/v1/tracks"), 401)


async def test_no_part_of_a_key_of_the_catalog_admits(
    api: httpx.AsyncClient, sessions: Sessions
) -> None:
    key = (await make(sessions, "phone"))["X-API-Key"]
    await eventually_answers(api, 401)
    for near in (key[:-1], key[:32], key[1:], key + "x", key.upper()):
        problem_of(await api.get("/v1/tracks", headers={"X-API-Key": near}), 401)
    assert (await api.get("/v1/tracks", headers={"X-API-Key": key})).is_success


async def test_many_wrong_keys_at_once_cost_few_readings_of_the_catalog(
    sessions: Sessions, database_url: str
) -> None:
    await make(sessions, "phone")
    engine, statements = open_pool(database_url), list[str]()

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    ring = KeyRing(None)
    async with ring.following(engine):
        before = len(statements)
        await asyncio.gather(*(ring.refresh() for _ in range(50)))
        assert 0 < len(statements) - before < 10
    await engine.dispose()


async def test_keys_that_are_known_outlive_the_catalog_and_others_cannot_be_told(
    api: httpx.AsyncClient, sessions: Sessions, database_url: str
) -> None:
    phone = await make(sessions, "phone")
    await eventually_answers(api, 401)
    refuse_connections(database_url, refuse=True)
    unknown = {"X-API-Key": "unknown"}
    problem = problem_of(await api.get("/metrics", headers=unknown), 503)
    assert problem["type"].endswith("catalog-unreachable")
    assert (await api.get("/metrics", headers=phone)).is_success
    problem_of(await api.get("/metrics"), 401)
    refuse_connections(database_url, refuse=False)
    problem_of(await api.get("/metrics", headers=unknown), 401)


async def test_a_catalog_that_was_never_read_opens_nothing(offline: Settings) -> None:
    async with running(offline.model_copy(update={"api_key": None})) as api:
        for path in ("/metrics", "/v1/index", "/nope"):
            for headers in ({}, {"X-API-Key": "any"}):
                answer = await api.get(path, headers=headers)
                assert problem_of(answer, 503)["type"].endswith("catalog-unreachable")
        assert (await api.get("/health/live")).is_success
    async with running(offline) as api:
        assert (await api.get("/metrics", headers={"X-API-Key": KEY})).is_success
        problem_of(await api.get("/metrics"), 401)
        problem_of(await api.get("/metrics", headers={"X-API-Key": "any"}), 503)


async def test_a_catalog_of_before_there_were_keys_opens_nothing(
    settings: Settings, server_url: str
) -> None:
    empty = settings.model_copy(update={"database_url": server_url})
    async with running(empty) as api:
        problem = problem_of(await api.get("/metrics"), 503)
        assert "soundalike db upgrade" in problem["detail"]


async def test_reading_allows_no_administration(
    api: httpx.AsyncClient, sessions: Sessions, settings: Settings, collection: Collection
) -> None:
    collection.add({"title": "a"})
    collection.publish()
    read, admin = await make(sessions, "phone"), await make(sessions, "ops", "admin")
    await eventually_answers(api, 401)
    changing = {
        path: operation["operationId"]
        for path, method, operation in operations(create_app(settings).openapi())
        if method not in ("get", "head") and operation["operationId"] not in READING
    }
    assert set(changing.values()) == {"publish_version", "retry_failures"}
    for path in changing:
        problem = problem_of(await api.post(path, headers=read, json={}), 403)
        assert problem["type"].endswith("forbidden")
        assert "--scope admin" in problem["detail"]
        problem_of(await api.post(path, json={}), 401)
        assert (await api.post(path, headers=admin, json={})).is_success
    assert (await api.get("/v1/tracks", headers=admin)).is_success


async def test_the_key_of_the_settings_may_do_all(settings: Settings) -> None:
    locked = settings.model_copy(update={"api_key": SecretStr(KEY)})
    async with running(locked) as api:
        answer = await api.post("/v1/failures/retry", headers={"X-API-Key": KEY}, json={})
        assert answer.is_success


async def throttle(api: httpx.AsyncClient) -> None:
    """Send wrong keys until the next one is not looked at."""
    for _ in range(MAX_FAILED_KEYS):
        problem_of(await api.get("/metrics", headers={"X-API-Key": "wrong"}), 401)
    problem_of(await api.get("/metrics", headers={"X-API-Key": "wrong"}), 429)


@pytest.fixture
async def locked_api(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with running(settings.model_copy(update={"api_key": SecretStr(KEY)})) as api:
        yield api


async def test_wrong_keys_lock_nobody_out_whose_key_was_right_before(
    locked_api: httpx.AsyncClient,
) -> None:
    assert (await locked_api.get("/metrics", headers={"X-API-Key": KEY})).is_success
    await throttle(locked_api)
    assert (await locked_api.get("/metrics", headers={"X-API-Key": KEY})).is_success


async def test_wrong_keys_lock_no_key_of_the_catalog_out(
    locked_api: httpx.AsyncClient, sessions: Sessions
) -> None:
    """A guess may hit a key that a person chose, never one of 256 random bits."""
    phone = await make(sessions, "phone")
    await throttle(locked_api)
    problem_of(await locked_api.get("/metrics", headers={"X-API-Key": KEY}), 429)
    assert (await locked_api.get("/metrics", headers=phone)).is_success


@pytest.mark.slow
async def test_every_worker_follows(settings: Settings, sessions: Sessions, tmp_path: Path) -> None:
    phone = await make(sessions, "phone")
    await make(sessions, "tv")
    async with server(settings, tmp_path / "log", workers=2) as (process, url):
        workers = await both_workers(process.pid)

        async def statuses() -> list[int]:
            """The status that each worker answers with."""
            found = []
            for worker in workers:
                async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as api:
                    with answering_alone(worker, process.pid):
                        found.append((await api.get("/v1/tracks", headers=phone)).status_code)
            return found

        assert await statuses() == [200, 200]
        await revoke(sessions, "phone")

        async def look() -> bool:
            return await statuses() == [401, 401]

        await eventually(look)


async def test_use_is_noted(api: httpx.AsyncClient, sessions: Sessions) -> None:
    phone = await make(sessions, "phone")
    await make(sessions, "tv")
    await eventually_answers(api, 401)
    assert (await api.get("/v1/tracks", headers=phone)).is_success

    async def look() -> bool:
        with sessions() as session:
            [used, unused] = session.scalars(every_key())
        assert unused.last_used_at is None
        return used.last_used_at is not None

    await eventually(look)
