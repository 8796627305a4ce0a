"""`soundalike rules`: which files and tracks the library takes, and switching these rules."""

from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from soundalike.catalog import library_settings
from soundalike.catalog.library_settings import RULES, shown_value
from soundalike.catalog.process_locks import ingest_lock
from soundalike.cli.library import existing_library
from soundalike.cli.switching import differences, library_or_own, wanted
from soundalike.embedders import space_for
from soundalike.errors import SettingsError
from soundalike.settings import Settings, load_settings
from soundalike.terminal import safe

rules = typer.Typer(
    help="Which files and tracks the library takes: show the rules, or switch them."
)
out = Console()


@rules.callback(invoke_without_command=True)
def shown(context: typer.Context) -> None:
    """Show the library's rules."""
    if context.invoked_subcommand:
        return
    settings = load_settings()
    with existing_library(settings) as sessions, sessions() as session:
        library = library_or_own(session, settings)
    for name in RULES:
        out.print(f"{name}: {safe(shown_value(getattr(library, name)))}")


@rules.command()
def switch(
    extensions: Annotated[
        str | None, typer.Option(help="Extensions of music files: mp3,flac,ogg.")
    ] = None,
    shortest_seconds: Annotated[
        float | None, typer.Option(min=0, help="Tracks that are shorter are left out.")
    ] = None,
    longest_seconds: Annotated[
        float | None, typer.Option(help="Tracks that are longer are left out.")
    ] = None,
) -> None:
    """Switch the rules; the next scan applies them.

    Without options, to what the environment or the settings file sets. What a rule leaves out is
    gone from the next index, and back for nothing when the rule is.
    """
    settings = load_settings()
    given = {
        "extensions": extensions,
        "shortest_seconds": shortest_seconds,
        "longest_seconds": longest_seconds,
    }
    options = _checked({name: value for name, value in given.items() if value is not None})
    with existing_library(settings) as sessions, ingest_lock(sessions), sessions.begin() as session:
        old, new = library_or_own(session, settings), wanted(session, settings, RULES, options)
        _require_order(new)
        row = library_settings.read(session)
        changes = differences(old, new)
        library_settings.write(session, new, row.space if row else space_for(new).key)
    out.print("\n".join(map(safe, changes)) or "the library has these rules already")
    if changes:
        out.print("the next scan applies them")


def _require_order(new: Settings) -> None:
    if new.longest_seconds <= new.shortest_seconds:
        raise SettingsError(
            f"longest_seconds = {new.longest_seconds} must be more than shortest_seconds = "
            f"{new.shortest_seconds}; switch both"
        )


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    """The options as Settings reads them. Raises SettingsError."""
    try:
        settings = Settings(**options)
    except ValidationError as error:
        problems = [
            f"--{str(issue['loc'][0]).replace('_', '-')}: {issue['msg']}"
            for issue in error.errors()
        ]
        raise SettingsError("\n".join(problems).replace("Value error, ", "")) from error
    return {name: getattr(settings, name) for name in options}
