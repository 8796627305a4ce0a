"""Origins: where the value of each setting comes from."""

from dataclasses import dataclass
from typing import Literal

from soundalike.settings.fields import Settings
from soundalike.settings.file import read_file, settings_file
from soundalike.settings.names import set_variable


@dataclass(frozen=True)
class Origin:
    """The source of a value; `place` is the variable's name, or the file's path."""

    source: Literal["environment", "file", "library", "default", "argument"]
    place: str = ""

    def __str__(self) -> str:
        """Say it in words."""
        match self.source:
            case "environment" | "file":
                return self.place
            case source:
                return source


def origin_of(settings: Settings, field: str) -> Origin:
    """Return where this process's own value of the field comes from."""
    if field not in settings.model_fields_set:
        return Origin("default")
    if variable := set_variable(field):
        return Origin("environment", variable)
    file = settings_file(settings.data)
    if file and field in read_file(file, Settings.model_fields):
        return Origin("file", str(file))
    return Origin("argument")
