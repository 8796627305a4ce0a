"""`soundalike failures`: which files did not get through, and trying them again."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from soundalike.catalog import failures as catalog
from soundalike.catalog.engine import open_catalog
from soundalike.catalog.failures import FailureView
from soundalike.display_text import shown
from soundalike.postgres import connected_database
from soundalike.settings import load_settings
from soundalike.terminal import counted, failures_table

failures = typer.Typer(help="Files that did not get through: list them, or have them tried again.")
MAX_LISTED = 1000
out = Console()


@failures.callback(invoke_without_command=True)
def listed(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=MAX_LISTED, help="How many to show.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the files that did not get through, why, and when each is tried again."""
    if context.invoked_subcommand:
        return
    with connected_database(load_settings()) as url, open_catalog(url)() as session:
        views = [FailureView(*row) for row in session.execute(catalog.page(limit))]
        total = session.scalar(catalog.count()) or 0
    if as_json:
        for view in views:
            typer.echo(json.dumps(asdict(view), default=_plain))
    elif not views:
        out.print("every file of the library got through")
    else:
        out.print(failures_table(views, total))


@failures.command()
def retry(
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that are the same each time.")
    ] = False,
) -> None:
    """Have failures that may pass by themselves tried again, without waiting."""
    with connected_database(load_settings()) as url, open_catalog(url).begin() as session:
        count = catalog.retry(session, everything=everything)
        total = session.scalar(catalog.count()) or 0
    out.print(
        f"{counted(count, 'failure')} of {total} will be tried again: at once by "
        "`soundalike ingest`, within a minute by `soundalike up`"
    )
    if count < total:
        out.print("the others are the same each time; --all tries them too")


def _plain(value: Any) -> str:  # noqa: ANN401 - what json asks about
    return shown(value) if isinstance(value, bytes) else value.isoformat()
