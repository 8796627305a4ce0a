"""The migrations must make exactly the tables that the code was written for."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from soundalike.catalog.engine import Sessions, dagster_url, engine_of
from soundalike.catalog.tables import Base
from soundalike.catalog.upgrade import is_current, upgrade


def test_migrations_and_models_agree(sessions: Sessions) -> None:
    with engine_of(sessions).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    assert is_current(database_url)
    upgrade(database_url)
    assert is_current(database_url)


def test_an_empty_database_is_not_current(database_url: str, sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.execute(text("drop table alembic_version"))
    assert not is_current(database_url)


def test_dagster_has_a_schema_of_its_own() -> None:
    url = dagster_url("postgresql+psycopg://u:p%40ss@/db?host=/run/x")
    assert url.startswith("postgresql+psycopg2://u:p%40ss@/db?")
    assert "options=-csearch_path%3Ddagster+-csynchronous_commit%3Doff" in url
    assert "host=%2Frun%2Fx" in url
