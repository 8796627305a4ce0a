"""`soundalike config`: every setting, its value, and where that comes from."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from soundalike.catalog import library_settings
from soundalike.catalog.library_settings import OWNED, shown_value
from soundalike.catalog.tables import LibrarySettingsRow
from soundalike.cli.library import existing_library
from soundalike.display_text import printable
from soundalike.errors import LibraryError, PostgresError, SettingsError
from soundalike.postgres import has_database
from soundalike.settings import Origin, Settings, load_settings, origin_of, settings_file
from soundalike.settings.names import SECRETS, variable_of
from soundalike.terminal import safe

HIDDEN = "(hidden)"
out = Console()


@dataclass(frozen=True)
class Setting:
    """A setting as it is shown; a secret's value is hidden."""

    name: str
    variable: str
    value: Any
    origin: Origin

    @property
    def text(self) -> str:
        """The value as one line of text."""
        if isinstance(self.value, list):
            return ", ".join(map(str, self.value)) or "none"
        if isinstance(self.value, dict):
            return ", ".join(f"{name}={text}" for name, text in self.value.items()) or "none"
        return "none" if self.value is None else printable(shown_value(self.value))


def config(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show every setting, its value, and where it comes from."""
    settings = load_settings()
    row, problems = _library(settings)
    shown = [_setting(settings, row, name) for name in Settings.model_fields]
    if as_json:
        for one in shown:
            plain = {"setting": one.name, "variable": one.variable, "value": one.value}
            typer.echo(json.dumps(plain | {"from": one.origin.source, "place": one.origin.place}))
        return
    out.print(_table(shown))
    if file := settings_file(settings.data):
        out.print(f"file: {safe(file)}", soft_wrap=True)
    for problem in problems:
        out.print(f"[yellow]{safe(problem)}[/yellow]")


def _library(settings: Settings) -> tuple[LibrarySettingsRow | None, list[Exception]]:
    """The library's own settings, if there is a library, and what is wrong with it or ours."""
    if not has_database(settings):
        return None, []
    try:
        with existing_library(settings) as sessions, sessions() as session:
            row = library_settings.read(session)
    except (LibraryError, PostgresError) as error:
        return None, [error]
    try:
        library_settings.resolve(settings, row)
    except SettingsError as error:
        return row, [error]
    return row, []


def _setting(settings: Settings, row: LibrarySettingsRow | None, name: str) -> Setting:
    value, origin = getattr(settings, name), origin_of(settings, name)
    if row is not None and name in OWNED and name not in settings.model_fields_set:
        value, origin = library_settings.values_of(row)[name], Origin("library")
    return Setting(name, variable_of(name), _plain(name, value), origin)


def _plain(name: str, value: Any) -> Any:  # noqa: ANN401 - any setting's value
    """The value as JSON has it."""
    if name in SECRETS:
        return HIDDEN if value else None
    if isinstance(value, frozenset | tuple):
        return sorted(value) if isinstance(value, frozenset) else list(value)
    is_json = value is None or isinstance(value, dict | int | float)
    return value if is_json and value != float("inf") else str(value)


def _table(shown: list[Setting]) -> Table:
    table = Table(box=None, pad_edge=False)
    places = [_place(one.origin) for one in shown]
    table.add_column("setting", no_wrap=True, min_width=max(len(one.name) for one in shown))
    table.add_column("value", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("from", no_wrap=True, min_width=max(map(len, places)))
    for one, place in zip(shown, places, strict=True):
        table.add_row(one.name, safe(one.text), safe(place))
    return table


def _place(origin: Origin) -> str:
    return origin.place if origin.source == "environment" else origin.source
