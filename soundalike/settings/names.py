"""Names: the environment variable of each setting, and variables that are none."""

import os
from collections.abc import Iterable

from soundalike.errors import SettingsError
from soundalike.settings.values import did_you_mean

PREFIX = "SOUNDALIKE_"
CONFIG = "SOUNDALIKE_CONFIG"
PLAIN = frozenset(("environment", "debug", "log_level", "database_url"))
SECRETS = frozenset(("database_url", "api_key", "alert_url", "milvus_url"))

# Variables that our processes tell their children (soundalike/environment.py), the one that leads
# to another container's runs (pipelines/run_requests.py), and a process's share (cores.py).
CHILD_VARIABLES = frozenset(
    (
        *("SOUNDALIKE_DAGSTER_URL", "SOUNDALIKE_DAGSTER_FILES", "SOUNDALIKE_DAGSTER_LOGS"),
        *("SOUNDALIKE_RUN_SERVER", "SOUNDALIKE_CORES"),
    )
)
RENAMED = {
    "SOUNDALIKE_SCAN_MINUTES": "it is SOUNDALIKE_SCAN_CRON now: every 15 minutes is `*/15 * * * *`",
}


def variable_of(field: str) -> str:
    """Return the environment variable of a field."""
    return field.upper() if field in PLAIN else f"{PREFIX}{field.upper()}"


def file_variable(field: str) -> str:
    """Return the environment variable that names the file of a secret."""
    return f"{variable_of(field)}_FILE"


def set_variable(field: str) -> str | None:
    """Return the name of the environment variable that sets a field, as it is spelt; or None."""
    wanted = variable_of(field)
    spelt = (name for name, value in os.environ.items() if value and name.upper() == wanted)
    in_file = file_variable(field) if field in SECRETS else ""
    return next(spelt, in_file if os.environ.get(in_file) else None)


def refuse_unknown_variables(fields: Iterable[str]) -> None:
    """Refuse variables that begin like settings and are none: a misspelt one would do nothing.

    Raises SettingsError naming each, and the setting that may be meant.
    """
    known = {CONFIG, *map(variable_of, fields), *map(file_variable, SECRETS)}
    given = {
        name for name, value in os.environ.items() if value and name.upper().startswith(PREFIX)
    }
    unknown = [name for name in sorted(given) if name.upper() not in known | CHILD_VARIABLES]
    if unknown:
        raise SettingsError("\n".join(_unknown(name, known) for name in unknown))


def _unknown(name: str, known: Iterable[str]) -> str:
    if name.upper() in RENAMED:
        return f"{name}: {RENAMED[name.upper()]}"
    return (
        f"{name} is no setting of soundalike{did_you_mean(name.upper(), known)} "
        "`soundalike config` lists them all"
    )
