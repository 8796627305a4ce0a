"""Following the catalog: by notice, by polling, and over an outage of Postgres."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, make_url, text

from serving.columns.live_columns import LiveColumns
from serving.database import open_pool
from serving.index.follower import PublicationFollower
from serving.index.live_index import LiveIndex
from soundalike.errors import PostgresError
from soundalike.settings import Settings

from .collection import Collection, numbered
from .service import eventually, eventually_serves, problem_of, running

NEVER = 3600.0


@asynccontextmanager
async def following(
    database_url: str, collection: Collection, poll_seconds: float
) -> AsyncIterator[LiveIndex]:
    live, columns = LiveIndex(collection.store), LiveColumns(collection.store.columns)
    engine = open_pool(database_url)
    async with PublicationFollower(engine, live, columns, poll_seconds).following():
        yield live
    await engine.dispose()


async def eventually_is(live: LiveIndex, version: str) -> None:
    async def look() -> bool:
        return live.served is not None and live.served.manifest.version == version

    await eventually(look)


async def test_notice_alone_is_enough(database_url: str, collection: Collection) -> None:
    collection.add(*numbered(2))
    async with following(database_url, collection, NEVER) as live:
        assert live.served is None
        await eventually_is(live, collection.publish())
        collection.add(*numbered(2))
        await eventually_is(live, collection.publish())


@pytest.mark.slow
async def test_notices_are_heard_after_the_connection_that_listened_was_ended(
    database_url: str, collection: Collection
) -> None:
    """Nothing polls here, so only a new LISTEN can tell of the second version."""
    collection.add(*numbered(2))
    async with following(database_url, collection, NEVER) as live:
        await eventually_is(live, collection.publish())
        listening = "select pid from pg_stat_activity where query like 'listen %'"
        with collection.sessions.begin() as session:
            [before] = session.scalars(text(f"{listening} and datname = current_database()"))
            session.execute(text(f"select pg_terminate_backend({before})"))

        async def listens_again() -> bool:
            with collection.sessions() as session:
                pids = session.scalars(text(f"{listening} and datname = current_database()"))
                return set(pids) - {before} != set()

        await eventually(listens_again)
        collection.add(*numbered(2))
        await eventually_is(live, collection.publish())


@pytest.mark.slow
async def test_lost_notice_is_made_up_for_by_polling(
    database_url: str, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deaf(_: PublicationFollower) -> None:
        raise OSError("a pooler that swallows LISTEN")

    monkeypatch.setattr(PublicationFollower, "_connect", deaf)
    collection.add(*numbered(2))
    async with following(database_url, collection, 0.02) as live:
        await eventually_is(live, collection.publish())


async def test_version_that_failed_is_tried_at_the_next_poll(
    database_url: str, collection: Collection
) -> None:
    collection.add(*numbered(2))
    version = collection.build()
    whole = collection.damage(version)
    collection.publish_unchecked(version)
    async with following(database_url, collection, 0.02) as live:

        async def tried_often() -> bool:
            return live.load_failures > 2

        await eventually(tried_often)
        assert live.served is None
        collection.repair(version, whole)
        await eventually_is(live, version)


async def test_old_version_is_served_before_the_first_request(
    settings: Settings, collection: Collection
) -> None:
    collection.add(*numbered(2))
    version = collection.publish()
    async with running(settings) as api:
        assert (await api.get("/v1/index")).json()["version"] == version


def refuse_connections(database_url: str, refuse: bool) -> None:
    """To this one database: Postgres ends those there are and takes no new ones."""
    url = make_url(database_url)
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(
            text(f"alter database {url.database} with allow_connections {not refuse}")
        )
        if refuse:
            ended = "select pg_terminate_backend(pid) from pg_stat_activity where datname = :name"
            connection.execute(text(ended), {"name": url.database})
    engine.dispose()


async def test_outage_of_postgres_is_outlived(
    api: httpx.AsyncClient, database_url: str, collection: Collection
) -> None:
    [track, *_] = collection.add(*numbered(3))
    old = collection.publish()
    await eventually_serves(api, old)

    refuse_connections(database_url, refuse=True)
    for path in ("/v1/tracks", f"/v1/tracks/{track}", f"/v1/tracks/{track}/similar?all_tags=true"):
        problem = problem_of(await api.get(path), 503)
        assert problem["type"] == "urn:soundalike:problem:catalog-unreachable"
    ready = await api.get("/health/ready")
    assert (ready.status_code, ready.json()["index_version"]) == (200, old)
    assert "PostgreSQL does not respond" in ready.json()["problem"]
    assert (await api.get("/v1/index")).json()["version"] == old
    assert (await api.get("/health/live")).status_code == 200

    refuse_connections(database_url, refuse=False)
    assert (await api.get(f"/v1/tracks/{track}/similar")).status_code == 200
    collection.sessions.kw["bind"].dispose()
    collection.add(*numbered(2))
    await eventually_serves(api, collection.publish())


@pytest.mark.slow
async def test_a_private_server_that_was_killed_comes_back_by_itself(open_folder: Path) -> None:
    settings = Settings(data=open_folder / "data")
    async with running(settings) as api:
        pid_file = settings.data / "postgres" / "cluster" / "postmaster.pid"
        killed = pid_file.read_text().split()[0]
        os.kill(int(killed), signal.SIGKILL)

        async def back() -> bool:
            said = problem_of(await api.get("/v1/tracks"), 503)["type"]
            other = pid_file.exists() and pid_file.read_text().split()[:1] not in ([], [killed])
            return other and str(said).endswith("catalog-not-upgraded")

        await eventually(back)


async def test_a_catalog_that_cannot_be_brought_back_is_followed_on(
    database_url: str, collection: Collection
) -> None:
    attempts = []

    def fail() -> None:
        attempts.append(1)
        raise PostgresError("its disk is full")

    live, columns = LiveIndex(collection.store), LiveColumns(collection.store.columns)
    engine = open_pool(database_url)
    async with PublicationFollower(engine, live, columns, 0.02, fail).following():
        refuse_connections(database_url, refuse=True)

        async def tried_often() -> bool:
            return len(attempts) > 2

        await eventually(tried_often)
        refuse_connections(database_url, refuse=False)
        collection.sessions.kw["bind"].dispose()
        collection.add(*numbered(2))
        await eventually_is(live, collection.publish())
    await engine.dispose()


async def test_postgres_that_is_not_there_at_the_start(
    offline_api: httpx.AsyncClient,
) -> None:
    assert (await offline_api.get("/health/live")).status_code == 200
    for path in ("/health/ready", "/v1/index", "/v1/tracks", "/v1/tracks/x/similar"):
        problem_of(await offline_api.get(path), 503)


async def test_catalog_without_tables_says_what_to_run(settings: Settings, server_url: str) -> None:
    empty = settings.model_copy(update={"database_url": server_url})
    async with running(empty) as api:
        problem = problem_of(await api.get("/v1/tracks"), 503)
        assert "soundalike db upgrade" in problem["detail"]
