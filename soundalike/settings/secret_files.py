"""Secrets in files of their own: `SOUNDALIKE_API_KEY_FILE` names the file that holds the key.

That is how containers are given secrets, as an environment variable is shown to everybody who may
inspect the container. A variable that is set itself wins.
"""

import os
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from soundalike.errors import SettingsError
from soundalike.settings.names import SECRETS, file_variable
from soundalike.settings.values import absolute


class SecretFiles(PydanticBaseSettingsSource):
    """The files that the variables `<NAME>_FILE` name, as a source of pydantic's settings."""

    def __call__(self) -> dict[str, Any]:
        """Read every file that is named. Raises SettingsError naming the variable and the file."""
        fields = self.settings_cls.model_fields
        return {
            str(fields[name].validation_alias or name): text
            for name in sorted(SECRETS)
            if (file := os.environ.get(file_variable(name))) and (text := _read(name, file))
        }

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return nothing: `__call__` reads all fields at once."""
        return None, field_name, False


def _read(name: str, file: str) -> str:
    """Read a secret without the end of its line; an empty file sets nothing."""
    place = f"{file_variable(name)}={file}"
    try:
        text = absolute(Path(file)).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{place}: the file cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{place}: the file is not UTF-8 text ({error.reason})") from error
    except ValueError as error:
        raise SettingsError(f"{place}: {error}") from error
    if "\n" in text:
        raise SettingsError(f"{place}: the file must hold the secret alone, in one line")
    return text
