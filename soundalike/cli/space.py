"""`soundalike space`: the library's embedding space, and switching to another one."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from soundalike.catalog import arithmetic, library_settings
from soundalike.catalog.library_settings import SPACE
from soundalike.catalog.process_locks import ingest_lock
from soundalike.catalog.publications import published
from soundalike.catalog.spaces import SpaceCoverage, coverage
from soundalike.cli.library import existing_library
from soundalike.cli.switching import differences, library_or_own, wanted
from soundalike.cli.weights import download_note, fetch_missing
from soundalike.embedders import MODELS, is_ready, space_for
from soundalike.errors import SettingsError
from soundalike.settings import KindChoice, Settings, load_settings
from soundalike.settings.values import windows as read_windows
from soundalike.terminal import counted, format_warning, safe

space = typer.Typer(help="The library's model and windows: show them, or switch to others.")
out = Console()


@space.callback(invoke_without_command=True)
def shown(context: typer.Context) -> None:
    """Show the library's embedding space, and how much of the library is in it."""
    if context.invoked_subcommand:
        return
    settings = load_settings()
    with existing_library(settings) as sessions, sessions() as session:
        out.print(_table(session, library_or_own(session, settings)))
        row = library_settings.read(session)
    try:
        library_settings.resolve(settings, row)
    except SettingsError as error:
        out.print(format_warning(error))


def _table(session: Session, settings: Settings) -> Table:
    row, served = library_settings.read(session), published(session)
    key = row.space if row else space_for(settings).key
    part = coverage(session, key)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    index = "none is published yet"
    if served:
        whose = "this space" if served.index.space == key else served.index.space
        index = f"{served.index.version} of {whose}, {counted(served.index.tracks, 'track')}"
    for name, value in (
        ("library", settings.data),
        ("model", settings.model),
        ("windows", settings.windows),
        ("index kind", settings.index_kind),
        ("space", key if row else f"{key} (the next ingest decides)"),
        ("embedded", f"{counted(part.embedded, 'track')}, {part.tracks} left to embed"),
        ("arithmetic", (row.arithmetic if row else None) or "of whichever machine embeds"),
        ("served", index),
    ):
        table.add_row(name, safe(value))
    return table


@space.command()
def switch(
    model: Annotated[
        str | None, typer.Option(help="The model, as `soundalike models list` has it.")
    ] = None,
    windows: Annotated[
        str | None, typer.Option(help="`balanced`, `all`, or a number of windows a track.")
    ] = None,
    index_kind: Annotated[KindChoice | None, typer.Option(help="The kind of index.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Switch the library to another model, other windows or another kind of index.

    Says first what there is to embed again. Without options, to what the environment or the
    settings file sets.
    """
    settings = load_settings()
    options = {"model": model, "windows": _windows(windows), "index_kind": index_kind}
    with existing_library(settings) as sessions:
        with sessions() as session:
            old, new = library_or_own(session, settings), wanted(session, settings, SPACE, options)
            changes = differences(old, new)
            row = library_settings.read(session)
            if not changes and row and row.space == _key(new):
                out.print(f"the library has these settings already: {row.space}")
                return
            out.print("\n".join(map(safe, (*changes, *_costs(session, new)))))
        confirm(yes)
        fetch_missing(new, Console(stderr=True))
        with ingest_lock(sessions), sessions.begin() as session:
            library_settings.write(session, new, space_for(new).key)
    out.print(
        "switched: a running `soundalike up` goes on by itself within a minute; otherwise run "
        "`soundalike ingest`"
    )


@space.command()
def forget_arithmetic() -> None:
    """Let the next machine of a cluster that embeds decide which CPUs or GPUs others must have."""
    with existing_library(load_settings()) as sessions:
        before = arithmetic.forget(sessions)
    out.print(f"no longer required: {before}" if before else "nothing was required")


def _windows(text: str | None) -> str | int | None:
    try:
        return None if text is None else read_windows(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--windows") from error


def _key(settings: Settings) -> str | None:
    """The key of the settings' space; None while its weights are not fetched."""
    return space_for(settings).key if is_ready(settings) else None


def _costs(session: Session, new: Settings) -> list[str]:
    """Say what the switch costs, a sentence a line."""
    key, served = _key(new), published(session)
    left = coverage(session, key or "")  # no vector is in the space without a name
    lines = [_work(left)]
    if key is None:
        lines.append(download_note(MODELS[new.model]))
    if served and served.index.space != key:
        lines.append(
            f"Until all is embedded, index {served.index.version} ({served.index.space}) is served."
        )
    return lines


def _work(left: SpaceCoverage) -> str:
    if not left.tracks:
        return "Nothing is to be embedded: the vectors of this space are there."
    kept = f" ({counted(left.embedded, 'vector')} are there already)" if left.embedded else ""
    return (
        f"To embed again: {counted(left.tracks, 'track')} in {left.batches} "
        f"{'batch' if left.batches == 1 else 'batches'}, {_length(left.hours)} of audio{kept}. "
        "How long that takes here is not known before it runs (docs/performance.md)."
    )


def _length(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.1f} minutes"


def confirm(yes: bool) -> None:
    """Ask whether to go on, unless `yes`. Raises SettingsError where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise SettingsError("there is no terminal to ask on; add --yes")
    typer.confirm("Switch?", abort=True)
