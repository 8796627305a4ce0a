"""Loading the settings of the process, and what they must fulfil together."""

import ipaddress
from functools import cache, lru_cache
from typing import Any

from pydantic import ValidationError

from soundalike.errors import SettingsError
from soundalike.settings.fields import Settings
from soundalike.settings.file import read_file, settings_file
from soundalike.settings.names import SECRETS, refuse_unknown_variables, set_variable, variable_of


@cache
def load_settings() -> Settings:
    """Load the process's settings, once.

    Raises SettingsError with a line for each wrong variable or key: its name, its value and what is
    allowed.
    """
    refuse_unknown_variables(Settings.model_fields)
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(map(_line, error.errors(include_url=False)))) from error


def _line(issue: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    field = str(issue["loc"][0]).lower()
    shown = "(hidden)" if field in SECRETS else repr(issue["input"])
    return f"{_place(field)}={shown}: {issue['msg'].removeprefix('Value error, ')}"


def _place(field: str) -> str:
    """Name the variable, or file and key, that the wrong value comes from."""
    variable, file = set_variable(field), settings_file()
    if variable is None and file and field in read_file(file, Settings.model_fields):
        return f"{file}: {field}"
    return variable or variable_of(field)


@lru_cache(maxsize=1024)  # asked twice in each request
def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a socket that is bound to this host."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
