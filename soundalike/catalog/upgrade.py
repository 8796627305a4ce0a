"""Upgrade of a database: the catalog's schema by Alembic, and an empty schema for Dagster."""

from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from soundalike.catalog.engine import DAGSTER_SCHEMA, engine_of, open_catalog
from soundalike.catalog.lock_keys import UPGRADE_LOCK

MIGRATIONS = Path(__file__).parent / "migrations"
Schema = Literal["none", "older", "current", "newer"]


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


def revision_of(connection: Connection) -> str:
    """Return the schema's revision; empty if there is none."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def schema_of(database_url: str) -> Schema:
    """Return what schema the catalog has, seen from the newest that this code knows."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        current = revision_of(connection)
        scripts = ScriptDirectory.from_config(alembic_config(connection))
        known = [script.revision for script in scripts.walk_revisions()]
    engine.dispose()
    if not current:
        return "none"
    if current not in known:
        return "newer"
    return "current" if current == known[0] else "older"


def is_known(revision: str) -> bool:
    """Return whether this code knows a schema's revision: a newer one's it does not."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    return revision in {script.revision for script in scripts.walk_revisions()}


def is_current(database_url: str) -> bool:
    """Return whether the catalog has the newest schema that this code knows."""
    return schema_of(database_url) == "current"
