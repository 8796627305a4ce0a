"""`soundalike db upgrade` and `soundalike models fetch`."""

from typing import Annotated

import typer
from rich.console import Console

from soundalike.catalog.upgrade import upgrade as upgrade_database
from soundalike.cli.weights import fetch_shown
from soundalike.postgres import connected_database
from soundalike.settings import ModelName, load_settings

db = typer.Typer(no_args_is_help=True, help="The catalog's database.")
models = typer.Typer(no_args_is_help=True, help="The embedding models' weights.")
out = Console()


@db.command()
def upgrade() -> None:
    """Upgrade the catalog to the current schema. Does nothing if it is current."""
    with connected_database(load_settings()) as url:
        upgrade_database(url)
    out.print("the catalog has the current schema")


@db.callback()
def _database() -> None:
    """Keeps `upgrade` a subcommand while it is the only one."""


@models.command()
def fetch(
    name: Annotated[ModelName, typer.Argument(help="The model.")],
) -> None:
    """Fetch a model's weights into the cache, verified. Does nothing if they are cached."""
    settings = load_settings()
    path = fetch_shown(settings, name, out)
    own = settings.mert_path is not None and path.is_relative_to(settings.mert_path)
    verified = "the weights of SOUNDALIKE_MERT_PATH are used:" if own else "verified weights in"
    out.print(f"{name}: {verified} {path}", soft_wrap=True)


@models.callback()
def _models() -> None:
    """Keeps `fetch` a subcommand while it is the only one."""
