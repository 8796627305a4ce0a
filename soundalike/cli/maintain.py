"""`soundalike db upgrade` and `soundalike models fetch`."""

from typing import Annotated

import typer
from rich.console import Console

from soundalike.catalog.upgrade import upgrade as upgrade_database
from soundalike.embedders import fetch_weights
from soundalike.postgres import connected_database
from soundalike.settings import ModelName, load_settings

db = typer.Typer(no_args_is_help=True, help="The catalog's database.")
models = typer.Typer(no_args_is_help=True, help="The embedding models' weights.")
out = Console()


@db.command()
def upgrade() -> None:
    """Bring the catalog to the current schema. Does nothing to one that is current."""
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
    """Fetch a model's weights into the cache, verified. Does nothing if they are there."""
    with out.status(f"fetching {name}"):
        path = fetch_weights(load_settings(), name)
    out.print(f"{name}: verified weights in {path}")


@models.callback()
def _models() -> None:
    """Keeps `fetch` a subcommand while it is the only one."""
