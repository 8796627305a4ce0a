"""`soundalike db upgrade`, `soundalike models list` and `soundalike models fetch`."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from soundalike.catalog.upgrade import upgrade as upgrade_database
from soundalike.cli.weights import download_note, fetch_shown
from soundalike.embedders import MODELS, is_ready
from soundalike.embedders.model_spec import ModelSpec
from soundalike.embedders.plugins import load_plugin
from soundalike.embedders.registry import BUILT_IN
from soundalike.errors import SoundalikeError
from soundalike.postgres import connected_database
from soundalike.settings import Settings, load_settings
from soundalike.settings.model_names import offered, package_of
from soundalike.terminal import safe

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


@models.command("list")
def listed() -> None:
    """List the models: the built-in ones, and those that installed packages offer."""
    settings, table = load_settings(), Table.grid(padding=(0, 2))
    for name, spec in BUILT_IN.items():
        table.add_row(safe(name), "built in", safe(spec.licence), safe(_state(settings, spec)))
    for entry in offered():
        try:
            spec = load_plugin(entry.name)
            licence, state = spec.licence, _state(settings, spec)
        except SoundalikeError as error:
            licence, state = "", f"cannot be used: {error}"
        table.add_row(*map(safe, (entry.name, package_of(entry), licence, state)))
    out.print(table)


def _state(settings: Settings, spec: ModelSpec) -> str:
    if spec.weights is None:
        return "no weights to fetch"
    fetched = is_ready(settings.following({"model": spec.name}))
    return "weights fetched" if fetched else f"weights not fetched, from {spec.weights.source}"


@models.command()
def fetch(
    name: Annotated[str, typer.Argument(help="The model, as `soundalike models list` has it.")],
) -> None:
    """Fetch a model's weights into the cache, verified. Does nothing if they are cached."""
    settings = load_settings()
    path = fetch_shown(settings, name, out)
    if path is None:
        out.print(download_note(MODELS[name]))
        return
    own = settings.mert_path is not None and path.is_relative_to(settings.mert_path)
    verified = "the weights of SOUNDALIKE_MERT_PATH are used:" if own else "verified weights in"
    out.print(f"{name}: {verified} {path}", soft_wrap=True)
