"""The Dagster instance of a data root, which dagster.yaml names.

`soundalike up` and `soundalike ingest` tell their children where it is by three variables. Without
them, as under `dagster dev`, it follows from soundalike's settings, with the private PostgreSQL
running for as long as the instance is open.
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from sqlalchemy import Engine, create_engine

from soundalike.catalog.engine import dagster_url
from soundalike.catalog.upgrade import upgrade
from soundalike.environment import DAGSTER_FILES, DAGSTER_LOGS, DAGSTER_URL, dagster_folder
from soundalike.postgres import connected_database
from soundalike.settings import load_settings

Config = Mapping[str, Any]


class Unconfigured:
    """A part of the instance for which dagster.yaml configures nothing."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return an empty schema."""
        return {}


class CatalogEvents(PostgresEventLogStorage):
    """Dagster's events. Of an instance's storages it is disposed of last.

    Dagster asks the schema again and again whether it has been upgraded. A table or column that
    was there once is there, so the question is put once.
    """

    def __init__(self, url: str, server: ExitStack) -> None:
        self._server = server
        self._tables: set[str] = set()
        self._asset_columns: set[str] = set()
        super().__init__(url)

    def has_table(self, table_name: str) -> bool:
        """Look whether there is this table, until there is."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def has_asset_key_col(self, column_name: str) -> bool:
        """Look whether the table of assets has this column, until it has it."""
        if column_name not in self._asset_columns and super().has_asset_key_col(column_name):
            self._asset_columns.add(column_name)
        return column_name in self._asset_columns

    def dispose(self) -> None:
        """Close the connections, and stop the private server unless another process uses it."""
        super().dispose()
        self._server.close()


class CatalogStorage(Unconfigured, DagsterPostgresStorage):
    """Dagster's storage: a schema of its own in the catalog's database."""

    def __init__(
        self, url: str, server: ExitStack, inst_data: ConfigurableClassData | None
    ) -> None:
        super().__init__(url, inst_data=inst_data)
        self._event_log_storage = CatalogEvents(url, server)
        for part in (self._run_storage, self._event_log_storage, self._schedule_storage):
            part._engine = _pooled(url, server)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Config
    ) -> "CatalogStorage":
        """Open the storage, the schemas being upgraded. Raises PostgresError if there is none."""
        with ExitStack() as stack:
            url = os.environ.get(DAGSTER_URL)
            if not url:
                catalog = stack.enter_context(connected_database(load_settings()))
                upgrade(catalog)
                url = dagster_url(catalog)
            return cls(url, stack.pop_all(), inst_data)


class DataRootArtifacts(Unconfigured, LocalArtifactStorage):
    """Files of Dagster's own in the data root."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Config
    ) -> "DataRootArtifacts":
        """Name the folder, which is made when something is written there."""
        return cls(_folder(DAGSTER_FILES, "files"), inst_data)


class DataRootLogs(Unconfigured, LocalComputeLogManager):
    """Output of runs, in the data root."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Config
    ) -> "DataRootLogs":
        """Name the folder, which is made when something is written there."""
        return cls(_folder(DAGSTER_LOGS, "logs"), inst_data=inst_data)


def _pooled(url: str, server: ExitStack) -> Engine:
    """Make an engine that keeps one connection, and closes it before the server is stopped.

    dagster-postgres opens a connection for each of the 200 statements of a short run, which is a
    quarter of the run's time. A connection that the server has ended is opened anew.
    """
    engine = create_engine(
        url, isolation_level="AUTOCOMMIT", pool_size=1, max_overflow=20, pool_pre_ping=True
    )
    server.callback(engine.dispose)
    return engine


def _folder(variable: str, name: str) -> str:
    return os.environ.get(variable) or str(dagster_folder(load_settings()) / name)
