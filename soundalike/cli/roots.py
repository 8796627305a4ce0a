"""`soundalike roots`: the library's music folders and buckets; adding, removing, moving them."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from soundalike.catalog.library_settings import follow
from soundalike.cli.library import existing_library
from soundalike.ingest import roots as stage
from soundalike.ingest.root_checks import RootState, check_roots
from soundalike.settings import load_settings
from soundalike.sources.roots import MusicRoot
from soundalike.terminal import counted, safe

roots = typer.Typer(help="The music folders: list, add, remove or move them.")
out = Console()
NEXT = "`soundalike ingest`, or the next scan, applies it."


@roots.callback(invoke_without_command=True)
def shown(context: typer.Context) -> None:
    """List the music folders: their files, the last scan, and what is wrong with each."""
    if context.invoked_subcommand:
        return
    settings = load_settings()
    with existing_library(settings) as sessions:
        extensions = follow(sessions, settings).extensions
        states = check_roots(sessions, settings.music, extensions)
    table = Table(box=None, pad_edge=False, show_header=bool(states))
    for column in ("name", "folder", "files", "last scan"):
        table.add_column(column, overflow="fold")
    for state in states:
        table.add_row(safe(state.name), safe(state.shown), str(state.files), _last_scan(state))
    out.print(table if states else "there is no music folder; `soundalike ingest FOLDER` adds one")
    for state in states:
        for problem in dict.fromkeys(state.problems):
            out.print(f"[yellow]{safe(state.shown)}: {safe(problem)}[/yellow]")
    raise typer.Exit(1 if any(state.problems for state in states) else 0)


def _last_scan(state: RootState) -> str:
    return f"{state.scanned_at:%Y-%m-%d %H:%M} UTC" if state.scanned_at else "never"


Name = Annotated[str, typer.Argument(help="A folder or bucket (s3://...) of the library.")]


@roots.command()
def add(name: Annotated[str, typer.Argument(help="A folder or bucket (s3://...).")]) -> None:
    """Add a folder; it takes over those inside of it, with all that is known of their files.

    One that SOUNDALIKE_MUSIC no longer names is kept.
    """
    with existing_library(load_settings()) as sessions:
        for message in stage.keep_root(sessions, name):
            out.print(safe(message))
    out.print(f"{safe(MusicRoot.named(name).shown)} is a music folder of the library. {NEXT}")


@roots.command()
def remove(name: Name) -> None:
    """Remove a folder: its tracks leave the next index. Adding it again costs no computing."""
    settings = load_settings()
    with existing_library(settings) as sessions:
        files = stage.remove_root(sessions, name)
    out.print(f"{safe(name)} is removed, with {counted(files, 'file')}. {NEXT}")
    if settings.music:
        out.print(
            "[yellow]If SOUNDALIKE_MUSIC names it, take it out there too: the next scan adds it "
            "again.[/yellow]"
        )


@roots.command()
def move(name: Name, to: Annotated[str, typer.Argument(help="The folder's new place.")]) -> None:
    """Tell that a folder was moved or renamed; its files stay what they are, and are not read."""
    with existing_library(load_settings()) as sessions:
        new = stage.move_root(sessions, name, to)
    out.print(f"{safe(name)} is {safe(new.shown)} now. {NEXT}")
