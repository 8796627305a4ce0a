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
    """Dagster's events. Of an instance's storages it is disposed of last."""

    def __init__(self, url: str, server: ExitStack) -> None:
        super().__init__(url)
        self._server = server

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


def _folder(variable: str, name: str) -> str:
    return os.environ.get(variable) or str(dagster_folder(load_settings()) / name)
