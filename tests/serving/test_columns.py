"""Answers without SQL: they show what changes at once, and outlive PostgreSQL."""

import asyncio
import errno
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Text, literal_column, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from serving.columns import catalog_reading, live_columns
from serving.columns.live_columns import LiveColumns
from serving.database import open_pool
from soundalike.catalog import results, retention, roots
from soundalike.catalog.columns import changes
from soundalike.catalog.columns.column_files import COLUMNS
from soundalike.catalog.columns.table import TrackColumns
from soundalike.catalog.tables import FileRow, RootRow, TrackChangeRow, TrackRow
from soundalike.catalog.tracks import by_ids, view
from soundalike.settings import Settings
from tests.patience import PATIENCE

from .collection import Collection, numbered
from .service import ServiceClient, eventually, eventually_follows, eventually_serves, running
from .test_follower import refuse_connections

STALE = re.compile(r"soundalike; hit; ttl=-\d+; detail=catalog-unreachable")


async def similar(api: ServiceClient, track: str, **asked: Any) -> dict[str, Any]:
    answer = await api.get(f"/v1/tracks/{track}/similar", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def retag(collection: Collection, track: str, **values: Any) -> None:
    with collection.sessions.begin() as session:
        session.execute(update(TrackRow).where(TrackRow.id == track).values(**values))
        results.record_words(session, {track})


async def test_a_retag_is_shown_and_found_without_a_new_version(
    api: ServiceClient, collection: Collection
) -> None:
    query, other, *_ = collection.add(*numbered(5))
    await eventually_serves(api, version := collection.publish())
    retag(collection, other, title="New", artist="Someone", artists=["Someone"], year=1999)
    await eventually_follows(api, collection.sessions)
    for wanted in ({"artists": "SOMEONE"}, {"year_from": 1999}):
        found = await similar(api, query, **wanted)
        assert found["index_version"] == version
        assert [item["track"]["title"] for item in found["items"]] == ["New"]
    assert (await similar(api, other))["track"]["artist"] == "Someone"
    retag(collection, other, title="Newer", artist=None, artists=[], year=None)
    await eventually_follows(api, collection.sessions)
    assert (await similar(api, query, artists="Someone"))["items"] == []


async def test_a_track_that_was_deleted_is_shown_no_more(
    api: ServiceClient, collection: Collection
) -> None:
    query, other, third = collection.add(*numbered(3))
    await eventually_serves(api, collection.publish())
    found = await similar(api, query)
    assert {item["track"]["id"] for item in found["items"]} == {other, third}
    with collection.sessions.begin() as session:
        for table, column in (("files", "track_id"), ("vectors", "track_id"), ("tracks", "id")):
            session.execute(text(f"delete from {table} where {column} = :id"), {"id": other})
    await eventually_follows(api, collection.sessions)
    assert [item["track"]["id"] for item in (await similar(api, query))["items"]] == [third]


async def test_searches_go_on_while_postgres_is_away_and_say_so(
    api: ServiceClient, collection: Collection, database_url: str
) -> None:
    facts = [{"artist": f"Artist {n % 3}", "year": 2000 + n} for n in range(20)]
    one, other, *_ = collection.add(*facts)
    await eventually_serves(api, collection.publish())
    asked: list[tuple[str, str, dict[str, Any] | None]] = [
        ("GET", f"/v1/tracks/{one}/similar?per_artist=2&limit=5", None),
        ("GET", f"/v1/tracks/{one}/similar?artists=artist+1&year_from=2005", None),
        ("GET", f"/v1/tracks/{one}/similar?format=m3u8", None),
        ("GET", f"/v1/tracks/{one}/embedding", None),
        ("GET", f"/v1/journeys?from={one}&to={other}&steps=4", None),
        ("GET", "/v1/facets/artists?q=art&year_from=2005", None),
        ("POST", "/v1/search", {"positive": [one], "filter": {"path_prefix": "a"}}),
        ("POST", "/v1/search/batch", {"searches": [{"positive": [one]}, {"positive": [other]}]}),
    ]
    before = [await api.request(method, path, json=body) for method, path, body in asked]
    refuse_connections(database_url, refuse=True)

    async def away() -> bool:
        return api.columns.stale_seconds is not None

    await eventually(away)
    for (method, path, body), fresh in zip(asked, before, strict=True):
        answer = await api.request(method, path, json=body)
        assert (answer.status_code, answer.content) == (200, fresh.content), path
        assert "cache-status" not in fresh.headers
        if "embedding" not in path:
            assert STALE.fullmatch(answer.headers["cache-status"])
    ready = (await api.get("/health/ready")).json()
    assert ready["status"] == "ready"
    assert "PostgreSQL does not respond" in ready["problem"]
    assert (await api.get("/v1/tracks/unknown/similar")).status_code == 503
    refuse_connections(database_url, refuse=False)
    collection.sessions.kw["bind"].dispose()
    retag(collection, one, title="Afterwards")
    await eventually_follows(api, collection.sessions)
    afterwards = await api.get(f"/v1/tracks/{one}/similar")
    assert afterwards.json()["track"]["title"] == "Afterwards"
    assert "cache-status" not in afterwards.headers
    assert (await api.get("/health/ready")).json()["problem"] is None


@pytest.mark.slow
async def test_a_restart_maps_the_columns_and_reads_only_what_changed(
    settings: Settings, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    query, other, *_ = collection.add(*numbered(5))
    collection.publish()
    async with running(settings) as api:
        whole = await similar(api, query)
    assert (collection.store.columns / COLUMNS).is_file()
    retag(collection, other, title="Meanwhile")

    async def read_all(session: AsyncSession, folder: Path) -> None:
        raise AssertionError("all of it was read again")

    monkeypatch.setattr(live_columns, "everything", read_all)
    async with running(settings) as api:
        again = await similar(api, query)
    for item in whole["items"]:
        if item["track"]["id"] == other:
            item["track"]["title"] = "Meanwhile"
    assert again == whole


async def test_columns_do_not_depend_on_the_parts_that_they_are_read_in(
    database_url: str, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in range(17):
        collection.add({"title": f"Title {each}", "artist": f"Artist {each % 3}", "year": each})
    engine = open_pool(database_url)
    async with AsyncSession(engine) as session:
        at_once = await catalog_reading.everything(session, tmp_path)
        monkeypatch.setattr(catalog_reading, "PAGE", 2)
        monkeypatch.setattr(catalog_reading, "PART", 5)
        in_parts = await catalog_reading.everything(session, tmp_path)
    await engine.dispose()
    assert at_once.table.num_rows == 17
    assert in_parts.table.to_pylist() == at_once.table.to_pylist()


async def test_damaged_columns_are_read_again_from_the_catalog(
    settings: Settings, collection: Collection
) -> None:
    query, *_ = collection.add(*numbered(5))
    collection.publish()
    async with running(settings) as api:
        whole = await similar(api, query)
    file = collection.store.columns / COLUMNS
    file.write_bytes(file.read_bytes()[:-100])
    async with running(settings) as api:
        assert await similar(api, query) == whole


async def test_columns_of_another_catalog_are_not_used(
    settings: Settings, collection: Collection, server_url: str
) -> None:
    collection.add(*numbered(5))
    collection.publish()
    async with running(settings) as api:
        assert len(api.columns.snapshot.base) == 5
    other = settings.model_copy(update={"database_url": server_url})
    with collection.sessions() as session:
        name = session.scalars(text("select current_database()")).one()
    template = str(settings.database_url).replace(name, "template")
    async with running(other.model_copy(update={"database_url": template})) as api:
        assert len(api.columns.snapshot.base) == 0


async def test_any_change_reaches_the_columns(
    collection: Collection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each change, columns that follow show what a reading of the catalog shows."""
    monkeypatch.setattr(live_columns, "MAX_CHANGED", 3)
    ids = collection.add(*numbered(8))
    live, engine = LiveColumns(collection.store.columns), open_pool(database_url)

    async def shown() -> None:
        async with AsyncSession(engine) as session:
            await live.refresh(session)
        with collection.sessions() as session:
            known = session.scalars(select(TrackRow.id)).all()
            expected = {row.id: view(row) for row in session.execute(by_ids(list(known)))}
        assert live.snapshot.views([*known, "unknown"]) == expected

    await shown()
    ids += collection.add(*numbered(3))
    await shown()
    retag(collection, ids[0], title="A", artist="B", artists=["B"], genre="C", genres=["C"])
    await shown()
    collection.remove(ids[1])
    await shown()
    with collection.sessions.begin() as session:
        session.execute(update(FileRow).where(FileRow.track_id == ids[2]).values(track_id=ids[3]))
    await shown()
    with collection.sessions.begin() as session:
        session.execute(update(RootRow).values(name="renamed", scanned_at=None))
    await shown()
    with collection.sessions.begin() as session:
        roots.move_root(session, 1, b"/elsewhere")
    await shown()
    with collection.sessions.begin() as session:  # a file that may be the missing one
        found = select(FileRow.id).where(FileRow.track_id == ids[4])
        session.execute(
            update(FileRow).where(FileRow.id.in_(found)).values(unread=True, tags_version=-1)
        )
    await shown()
    missing = live.snapshot.views([ids[1]])
    with collection.sessions.begin() as session:
        session.execute(update(FileRow).values(unread=False))
    await shown()
    assert missing.keys() == {ids[1]}
    with collection.sessions.begin() as session:
        session.execute(text("delete from files where track_id = :id"), {"id": ids[5]})
        session.execute(text("delete from vectors where track_id = :id"), {"id": ids[5]})
        session.execute(text("delete from tracks where id = :id"), {"id": ids[5]})
    await shown()
    await engine.dispose()


async def test_a_change_that_commits_late_is_not_lost(
    collection: Collection, database_url: str
) -> None:
    early, late = collection.add(*numbered(2))
    live, engine = LiveColumns(collection.store.columns), open_pool(database_url)

    async def title_of(track: str) -> str:
        async with AsyncSession(engine) as session:
            await live.refresh(session)
        return live.snapshot.views([track])[track].title

    with collection.sessions.begin() as session:
        session.execute(update(TrackRow).where(TrackRow.id == late).values(title="Late"))
        retag(collection, early, title="Early")
        assert await title_of(early) == "Early"
        assert await title_of(late) == "Title 1"
    assert await title_of(late) == "Late"
    assert await title_of(early) == "Early"
    await engine.dispose()


async def test_who_followed_before_the_log_begins_reads_all_again(
    collection: Collection, database_url: str
) -> None:
    [track, *_] = collection.add(*numbered(3))
    live, engine = LiveColumns(collection.store.columns), open_pool(database_url)

    async def title() -> str:
        async with AsyncSession(engine) as session:
            await live.refresh(session)
        return live.snapshot.views([track])[track].title

    assert await title() == "Title 0"
    retag(collection, track, title="Changed")
    with collection.sessions.begin() as session:
        session.execute(text("update track_changes set changed_at = now() - interval '8 days'"))
        retention.forget_changes(session)
        left = session.scalars(select(TrackChangeRow.track_id)).all()
    assert list(left) == [track]
    retag(collection, collection.add(*numbered(1))[0], title="Another")
    with collection.sessions.begin() as session:
        session.execute(text("update track_changes set changed_at = now() - interval '8 days'"))
        retention.forget_changes(session)
    assert await title() == "Changed"
    assert len(live.snapshot.base) == 4
    await engine.dispose()


Readings = asyncio.Queue[asyncio.Event]


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Readings:
    """Each reading of the whole catalog that has begun, as an event that lets it go on."""
    begun: Readings = asyncio.Queue()

    async def held(session: AsyncSession, folder: Path) -> TrackColumns:
        go_on = asyncio.Event()
        begun.put_nowait(go_on)
        await go_on.wait()
        return await catalog_reading.everything(session, folder)

    monkeypatch.setattr(live_columns, "everything", held)
    return begun


@dataclass
class Workers:
    """Columns as several workers follow them, from one folder."""

    all: list[LiveColumns]
    engine: AsyncEngine
    readings: Readings

    async def refreshed(self, number: int) -> bool:
        """Refresh those of a worker, in a session of its own."""
        async with AsyncSession(self.engine) as session, asyncio.timeout(PATIENCE / 6):
            return await self.all[number].refresh(session)

    async def begun(self) -> asyncio.Event:
        """The next reading of the whole catalog."""
        async with asyncio.timeout(PATIENCE / 6):
            return await self.readings.get()

    async def read_all_once(self) -> None:
        """Require that the first reads the whole catalog, and the others what it has written."""
        reading = asyncio.create_task(self.refreshed(0))
        go_on = await self.begun()
        before = self.all[1].snapshot
        assert not await self.refreshed(1)
        assert self.all[1].snapshot is before
        go_on.set()
        assert await reading
        assert [await self.refreshed(number) for number in range(3)] == [True, True, True]
        assert self.readings.empty(), "nobody else read it"

    @property
    def sizes(self) -> set[int]:
        """The numbers of tracks that they have."""
        return {len(worker.snapshot.base) for worker in self.all}


@pytest.fixture
async def workers(
    collection: Collection, database_url: str, readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Workers]:
    """Three, of a catalog of five tracks, which read three that changed one by one."""
    monkeypatch.setattr(live_columns, "MAX_READ_SINGLY", 3)
    collection.add(*numbered(5))
    columns = [LiveColumns(collection.store.columns) for _ in range(3)]
    engine = open_pool(database_url)
    yield Workers(columns, engine, readings)
    await engine.dispose()


async def test_one_worker_reads_the_whole_catalog_for_all(
    workers: Workers, collection: Collection
) -> None:
    """When there are no columns yet, and when more changed than is read one by one."""
    await workers.read_all_once()
    assert workers.sizes == {5}
    collection.add(*numbered(5))
    await workers.read_all_once()
    assert workers.sizes == {10}


async def test_one_worker_reads_another_catalog_for_all(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is another one after a restore."""
    await workers.read_all_once()
    monkeypatch.setattr(changes, "_DATABASE", literal_column("'another'", Text))
    await workers.read_all_once()
    assert workers.sizes == {5}


async def test_a_worker_waits_once_and_then_reads_itself(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the other cannot write what it has read, or does not come to an end."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(live_columns, "write_columns", refuse)
    first = asyncio.create_task(workers.refreshed(0))
    go_on = await workers.begun()
    assert not await workers.refreshed(1)
    second = asyncio.create_task(workers.refreshed(1))
    (await workers.begun()).set()
    assert await second
    go_on.set()
    assert await first
    assert len(workers.all[1].snapshot.base) == 5


async def test_a_session_from_before_the_columns_is_given_up(
    workers: Workers, collection: Collection
) -> None:
    """Else the worker would read all of an older moment, and hold it by itself."""
    worker = LiveColumns(collection.store.columns)
    async with AsyncSession(workers.engine) as older:
        await older.execute(text("select txid_current_snapshot()"))
        collection.add(*numbered(5))
        await workers.read_all_once()
        async with asyncio.timeout(PATIENCE / 6):
            assert not await worker.refresh(older)
    async with AsyncSession(workers.engine) as session:
        assert await worker.refresh(session)
    assert len(worker.snapshot.base) == 10
    assert workers.readings.empty()


async def test_a_transaction_that_stays_open_has_nobody_read_all_again(
    workers: Workers, collection: Collection
) -> None:
    """Such as a dump's: all that changed since it began stays in what the log is asked for."""
    await workers.read_all_once()
    with collection.sessions.begin() as session:
        session.execute(text("select pg_current_xact_id()"))
        collection.add(*numbered(5))
        await workers.read_all_once()
        collection.add(*numbered(2))
        assert [await workers.refreshed(number) for number in range(3)] == [True, True, True]
        assert workers.readings.empty()
        assert {len(worker.snapshot.newer) for worker in workers.all} == {2}


async def test_a_worker_that_starts_waits_for_the_columns_that_another_reads(
    settings: Settings, collection: Collection, database_url: str, readings: Readings
) -> None:
    query, *_ = collection.add(*numbered(5))
    collection.publish()
    engine = open_pool(database_url)
    async with AsyncSession(engine) as session:
        other = LiveColumns(collection.store.columns)
        reading = asyncio.create_task(other.refresh(session))
        go_on = await readings.get()

        async def answer() -> int:
            async with running(settings) as api:
                return len((await similar(api, query))["items"])

        answering = asyncio.create_task(answer())
        await asyncio.sleep(2 * live_columns.LOOK_SECONDS)
        assert not answering.done()
        go_on.set()
        assert await reading
    assert await answering == 4
    assert readings.empty()
    await engine.dispose()
