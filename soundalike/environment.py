"""The environment of child processes: the catalog's URL, and where Dagster keeps its files."""

import os
import sys
from pathlib import Path

from soundalike.catalog.engine import dagster_url
from soundalike.errors import SettingsError
from soundalike.settings import Settings, settings_file
from soundalike.settings.names import CONFIG

CHECKOUT = Path(__file__).parents[1]
INSTALLED = Path(sys.prefix, "share", "soundalike")  # the wheel's copies of the two files
PROJECT = CHECKOUT if (CHECKOUT / "dagster.yaml").is_file() else INSTALLED
DAGSTER_URL = "SOUNDALIKE_DAGSTER_URL"
DAGSTER_FILES = "SOUNDALIKE_DAGSTER_FILES"
DAGSTER_LOGS = "SOUNDALIKE_DAGSTER_LOGS"


def child_environment(settings: Settings, database_url: str) -> dict[str, str]:
    """The variables of Dagster's and the API's processes: this process's own, and more.

    The library's settings are not among them: each process reads them from the catalog, and so
    follows `soundalike space switch`.
    Raises SettingsError if the folder of dagster.yaml cannot be found.
    """
    dagster = dagster_folder(settings)
    return {
        **os.environ,
        **shell_environment(settings),
        "DATABASE_URL": database_url,
        DAGSTER_URL: dagster_url(database_url),
        DAGSTER_FILES: str(dagster / "files"),
        DAGSTER_LOGS: str(dagster / "logs"),
    }


def shell_environment(settings: Settings) -> dict[str, str]:
    """The variables with which a shell's commands work on this data root and Dagster instance.

    None of them names a private server's socket: each command starts the server if need be.
    Raises SettingsError if the folder of dagster.yaml cannot be found.
    """
    home = Path(os.environ.get("DAGSTER_HOME", PROJECT))
    if not (home / "dagster.yaml").is_file():
        raise SettingsError(
            f"DAGSTER_HOME={home}: there is no dagster.yaml; set it to soundalike's own folder"
        )
    file = settings_file(settings.data)
    config = {CONFIG: str(file)} if file and os.environ.get(CONFIG) else {}
    # The file's name is absolute: children run in another folder.
    return {"SOUNDALIKE_DATA": str(settings.data), "DAGSTER_HOME": str(home), **config}


def dagster_folder(settings: Settings) -> Path:
    """Return the folder of the data root in which Dagster's processes keep their files."""
    return settings.data / "dagster"


def logs_folder(settings: Settings) -> Path:
    """Return the folder of the data root in which `up` on a terminal writes its services' logs."""
    return settings.data / "logs"
