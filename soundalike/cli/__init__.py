"""The `soundalike` command: one module a subcommand; expected errors are printed here."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from soundalike import __version__
from soundalike.cli import (
    backup,
    config,
    demo,
    doctor,
    env,
    evaluate,
    export,
    failures,
    files,
    gc,
    ingest,
    keys,
    logs,
    maintain,
    roots,
    rules,
    similar,
    space,
    up,
    verify,
)
from soundalike.errors import SettingsError, SoundalikeError
from soundalike.logs import configure_logs
from soundalike.terminal import format_error

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="What else in my music collection sounds like this?",
)
app.command()(up.up)
app.command()(ingest.ingest)
app.command()(similar.similar)
app.command()(doctor.doctor)
app.command()(config.config)
app.command()(logs.logs)
app.command()(env.env)
app.command()(demo.demo)
app.command()(evaluate.evaluate)
app.command()(export.export)
app.command()(files.files)
app.command()(gc.gc)
app.command()(backup.backup)
app.command()(backup.restore)
app.command()(verify.verify)
app.add_typer(failures.failures, name="failures")
app.add_typer(roots.roots, name="roots")
app.add_typer(keys.keys, name="keys")
app.add_typer(space.space, name="space")
app.add_typer(rules.rules, name="rules")
app.add_typer(maintain.db, name="db")
app.add_typer(maintain.models, name="models")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"soundalike {__version__}")
        raise typer.Exit


@app.callback(help=app.info.help)
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options of `soundalike` itself."""


def main() -> None:
    """Run the command line. An expected error is one message, not a stack trace."""
    configure_logs("WARNING", json=False)
    try:
        app()
    except (SoundalikeError, SQLAlchemyError) as error:
        Console(stderr=True).print(format_error(error))
        sys.exit(2 if isinstance(error, SettingsError) else 1)
