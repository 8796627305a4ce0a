"""`soundalike failures`: lists the files that failed, and has them retried."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from soundalike.catalog import failures as catalog
from soundalike.catalog.failures import ALL_FAILURES, FailureFilter, FailureView
from soundalike.cli.library import existing_library
from soundalike.display_text import shown
from soundalike.settings import load_settings
from soundalike.tables import failures_table
from soundalike.terminal import counted

failures = typer.Typer(help="Files that failed: list them, or have them retried.")
MAX_LISTED = 1000
out = Console()


@failures.callback(invoke_without_command=True)
def listed(
    context: typer.Context,
    limit: Annotated[
        int, typer.Option(min=1, max=MAX_LISTED, help="Number of failures to list.")
    ] = 50,
    codes: Annotated[list[str], typer.Option("--code", help="Only with this code.")] = [],  # noqa: B006
    stages: Annotated[list[str], typer.Option("--stage", help="Only of this stage.")] = [],  # noqa: B006
    below: Annotated[
        str | None, typer.Option(help="Only files whose path in their root begins so.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the files that failed, why, and when each is retried."""
    if context.invoked_subcommand:
        return
    chosen = FailureFilter(tuple(codes), tuple(stages), below)
    with existing_library(load_settings()) as sessions, sessions() as session:
        views = [FailureView(*row) for row in session.execute(catalog.page(limit, chosen=chosen))]
        total = session.scalar(catalog.count(chosen)) or 0
    if as_json:
        for view in views:
            typer.echo(json.dumps(asdict(view), default=_plain))
    elif not views:
        out.print(
            "no such file failed" if chosen != ALL_FAILURES else "no file of the library failed"
        )
    else:
        out.print(failures_table(views, total, out.width))


@failures.command()
def retry(
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that are not transient.")
    ] = False,
) -> None:
    """Have transient failures retried without waiting for their delays."""
    with existing_library(load_settings()) as sessions, sessions.begin() as session:
        count = catalog.retry(session, everything=everything)
        total = session.scalar(catalog.count()) or 0
    out.print(
        f"{counted(count, 'failure')} of {total} will be retried: at once by "
        "`soundalike ingest`, within a minute by `soundalike up`"
    )
    if count < total:
        out.print("the others are not transient; --all retries them too")


def _plain(value: Any) -> str:  # noqa: ANN401 - any value json cannot encode
    return shown(value) if isinstance(value, bytes) else value.isoformat()
