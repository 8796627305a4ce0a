"""Upgrade of a database: the catalog's schema by Alembic, and an empty schema for Dagster."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from soundalike.catalog.engine import DAGSTER_SCHEMA, engine_of, open_catalog

MIGRATIONS = Path(__file__).parent / "migrations"
UPGRADE_LOCK = 5_011_850_002


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's configuration for this connection, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(database_url: str) -> None:
    """Apply missing migrations, one process at a time; do nothing on a current database.

    Raises PostgresError if the server does not answer.
    """
    engine = engine_of(open_catalog(database_url))
    with engine.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        connection.execute(text(f"create schema if not exists {DAGSTER_SCHEMA}"))
        command.upgrade(alembic_config(connection), "head")
    engine.dispose()


def is_current(database_url: str) -> bool:
    """Return whether the catalog has the newest schema that this code knows."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        newest = ScriptDirectory.from_config(alembic_config(connection)).get_current_head()
    engine.dispose()
    return current == newest
