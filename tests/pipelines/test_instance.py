"""Dagster's storage in the catalog's database: its connections, and what it remembers."""

import datetime as dt
import uuid
from collections.abc import Iterator

import dagster as dg
import pytest
from sqlalchemy import make_url, text

from pipelines.instance import CatalogStorage
from soundalike.catalog.engine import DAGSTER_SCHEMA, Sessions, dagster_url
from soundalike.environment import DAGSTER_URL
from tests.patience import until

BACKENDS = text(
    "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    " AND datname = current_database()"
    " AND query NOT LIKE '%pg_stat_activity%'"
)


@pytest.fixture
def storage(
    sessions: Sessions, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CatalogStorage]:
    monkeypatch.setenv(DAGSTER_URL, dagster_url(database_url))
    opened = CatalogStorage.from_config_value(None, {})
    yield opened
    opened.event_log_storage.dispose()


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_when_a_run_was_created_does_not_depend_on_the_zone_of_the_server(
    sessions: Sessions, database_url: str, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    """Else one that is queued just now would be taken for one that never was."""
    database = make_url(database_url).database
    with sessions.begin() as session:
        session.execute(text(f"alter database {database} set timezone to '{zone}'"))
    monkeypatch.setenv(DAGSTER_URL, dagster_url(database_url))
    opened = CatalogStorage.from_config_value(None, {})
    runs, now = opened.run_storage, dt.datetime.now(dt.UTC)
    runs.add_run(dg.DagsterRun(job_name="scan", run_id=str(uuid.uuid4())))
    for seconds, found in ((-60, 0), (60, 1)):
        before = now + dt.timedelta(seconds=seconds)
        assert len(runs.get_runs(dg.RunsFilter(created_before=before))) == found
    opened.event_log_storage.dispose()


def asked(storage: CatalogStorage) -> None:
    """Put a statement to each of the storage's three parts."""
    storage.event_log_storage.get_dynamic_partitions("batch")
    storage.run_storage.get_runs(limit=1)
    storage.schedule_storage.all_instigator_state()


def backends(sessions: Sessions) -> set[int]:
    """The server's processes that hold a connection of the storage."""
    with sessions() as session:
        return set(session.scalars(BACKENDS))


def test_statements_share_connections(storage: CatalogStorage, sessions: Sessions) -> None:
    asked(storage)
    first = until(lambda: found if len(found := backends(sessions)) == 3 else None)
    for _ in range(5):
        asked(storage)
    assert backends(sessions) == first


@pytest.mark.slow
def test_a_connection_that_the_server_ended_is_replaced(
    storage: CatalogStorage, sessions: Sessions
) -> None:
    asked(storage)
    ended = backends(sessions)
    with sessions() as session:
        for pid in ended:
            session.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    asked(storage)
    assert backends(sessions).isdisjoint(ended)


def test_no_connection_is_left_behind(storage: CatalogStorage, sessions: Sessions) -> None:
    asked(storage)
    storage.event_log_storage.dispose()
    assert until(lambda: not backends(sessions)), "the server ends them a moment later"


def test_a_table_or_column_that_appears_is_noticed(
    storage: CatalogStorage, sessions: Sessions
) -> None:
    events = storage.event_log_storage
    assert not events.has_table("later")
    assert not events.has_asset_key_col("later")
    with sessions.begin() as session:
        session.execute(text(f"CREATE TABLE {DAGSTER_SCHEMA}.later (id int)"))
        session.execute(text(f"ALTER TABLE {DAGSTER_SCHEMA}.asset_keys ADD COLUMN later int"))
    assert events.has_table("later")
    assert events.has_asset_key_col("later")
