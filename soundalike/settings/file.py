"""The settings file: `soundalike.toml` in the data root, or the file that SOUNDALIKE_CONFIG names.

It has the fields' names as keys and no tables but `asset_tags`. Paths in it are relative to its own
folder.
"""

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs
from pydantic_settings import BaseSettings, TomlConfigSettingsSource

from soundalike.errors import SettingsError
from soundalike.settings.names import CONFIG, SECRETS, set_variable, variable_of
from soundalike.settings.values import absolute, did_you_mean, split_roots

FILE = "soundalike.toml"
PATHS = ("data", "models", "uploads", "mert_path")


def settings_file(data: Path | None = None) -> Path | None:
    """Return the path of the settings file of this process; None if there is none.

    `data`: the data root, if it does not come from the environment. Raises SettingsError if
    SOUNDALIKE_CONFIG names a file that does not exist, or the one in the data root is none.
    """
    if name := os.environ.get(CONFIG):
        try:
            file = absolute(Path(name))
        except ValueError as error:
            raise SettingsError(f"{CONFIG}={name}: {error}; correct or unset it") from error
        if not file.is_file():
            raise SettingsError(f"{CONFIG}={name}: there is no such file; correct or unset it")
        return file
    root = data or Path(os.environ.get(set_variable("data") or "", "") or default_data())
    try:
        file = absolute(root) / FILE
    except ValueError:  # the field `data` says what is wrong with it
        return None
    try:
        is_folder = stat.S_ISDIR(file.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
    if is_folder:
        raise SettingsError(f"{file} is a folder; it is the place of the settings file")
    return file


def default_data() -> Path:
    """Return the data root that is used unless another one is set."""
    return platformdirs.user_data_path("soundalike")


def read_file(file: Path, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Read the file's values by field. Raises SettingsError naming the file, and each wrong key."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not UTF-8 text ({error.reason})") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f'{file} is no valid TOML: {error}. A line is `name = "text"` or `name = 12`'
        ) from error
    unknown = [key for key in content if key not in fields]
    if unknown:
        raise SettingsError("\n".join(_unknown(file, key, fields) for key in unknown))
    if "data" in content and not os.environ.get(CONFIG):
        raise SettingsError(
            f"{file}: `data` cannot be set by the file in the data root itself; set "
            f"{variable_of('data')}, or name the file in {CONFIG}"
        )
    _refuse_open_secrets(file, content)
    return {key: _relative_to(file.parent, key, value) for key, value in content.items()}


def _unknown(file: Path, key: str, fields: Mapping[str, Any]) -> str:
    plain = key.lower().removeprefix("soundalike_")
    return f"{file}: `{key}` is no setting{did_you_mean(plain, fields)}"


def _refuse_open_secrets(file: Path, content: Mapping[str, Any]) -> None:
    """Refuse a file with secrets that every user of the machine may read."""
    secrets = sorted(SECRETS & content.keys())
    if secrets and file.stat().st_mode & stat.S_IROTH:
        raise SettingsError(
            f"{file} holds {' and '.join(secrets)} and can be read by every user of this machine: "
            f"chmod o-r '{file}'"
        )


def _relative_to(folder: Path, key: str, value: object) -> object:
    if key in PATHS and isinstance(value, str):
        return _joined(folder, value)
    if key == "music" and isinstance(value, str | list):
        names = split_roots(value) if isinstance(value, str) else value
        return [_joined(folder, name) for name in names]
    return value


def _joined(folder: Path, name: object) -> object:
    if not isinstance(name, str) or "://" in name or name.startswith("~"):
        return name
    return str(folder / name)


class SettingsFile(TomlConfigSettingsSource):
    """The file as a source of pydantic's settings."""

    def __init__(self, settings: type[BaseSettings], data: Path | None = None) -> None:
        self._fields = settings.model_fields
        super().__init__(settings, settings_file(data))

    def _read_file(self, file_path: Any) -> dict[str, Any]:  # noqa: ANN401 - pydantic's signature
        content = read_file(file_path, self._fields)
        return {str(self._fields[key].validation_alias or key): content[key] for key in content}
