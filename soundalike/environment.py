"""The environment of child processes: the catalog's URL, and where Dagster keeps its files."""

import os
from pathlib import Path

from soundalike.catalog.engine import dagster_url
from soundalike.errors import SettingsError
from soundalike.settings import Settings, settings_file
from soundalike.settings.names import CONFIG

PROJECT = Path(__file__).parents[1]


def child_environment(settings: Settings, database_url: str) -> dict[str, str]:
    """The variables of Dagster's and the API's processes: this process's own, and more.

    The library's settings are not among them: each process reads them from the catalog, and so
    follows `soundalike space switch`.
    Raises SettingsError if the folder of dagster.yaml cannot be found.
    """
    home = Path(os.environ.get("DAGSTER_HOME", PROJECT))
    if not (home / "dagster.yaml").is_file():
        raise SettingsError(
            f"DAGSTER_HOME={home}: there is no dagster.yaml; set it to soundalike's own folder"
        )
    dagster = settings.data / "dagster"
    file = settings_file(settings.data)
    config = {CONFIG: str(file)} if file and os.environ.get(CONFIG) else {}
    return {
        **os.environ,
        **config,  # children run in another folder
        "DATABASE_URL": database_url,
        "SOUNDALIKE_DATA": str(settings.data),
        "DAGSTER_HOME": str(home),
        "SOUNDALIKE_DAGSTER_URL": dagster_url(database_url),
        "SOUNDALIKE_DAGSTER_FILES": str(dagster / "files"),
        "SOUNDALIKE_DAGSTER_LOGS": str(dagster / "logs"),
    }
