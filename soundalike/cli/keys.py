"""`soundalike keys`: the keys of the API; making, listing and revoking them."""

import datetime as dt
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from soundalike.catalog import api_keys
from soundalike.catalog.api_keys import Scope
from soundalike.catalog.tables import ApiKeyRow
from soundalike.cli.library import existing_library
from soundalike.settings import load_settings
from soundalike.terminal import counted, safe

keys = typer.Typer(help="Keys of the API: make, list or revoke them.", no_args_is_help=True)
COLUMNS = ("id", "name", "scope", "begins", "made", "last used", "revoked")
out = Console()
err = Console(stderr=True)


@keys.command()
def add(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    scope: Annotated[
        Scope, typer.Option(help="`admin` may also publish versions and retry failures.")
    ] = "read",
) -> None:
    """Make a key and print it, once: the catalog has its hash only."""
    with existing_library(load_settings()) as sessions, sessions.begin() as session:
        key = api_keys.add_key(session, name, scope)
    typer.echo(key)
    err.print(
        "This is shown once. Clients send it as `X-API-Key: KEY` or `Authorization: Bearer KEY`; "
        f"it may {'read and administer' if scope == 'admin' else 'read'}. "
        "From now on the API answers nobody without a key."
    )


@keys.command("list")
def listed(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the keys, revoked ones too. Keys are not shown, only how they begin."""
    with existing_library(load_settings()) as sessions, sessions() as session:
        rows = session.scalars(api_keys.every_key()).all()
    if as_json:
        for row in rows:
            typer.echo(json.dumps(_facts(row)))
        return
    if not rows:
        out.print("there is no key; `soundalike keys add NAME` makes one")
        return
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for row in rows:
        moments = map(_moment, (row.created_at, row.last_used_at, row.revoked_at))
        table.add_row(str(row.id), safe(row.name), row.scope, f"{row.prefix}...", *moments)
    out.print(table)


@keys.command()
def revoke(name: Annotated[str, typer.Argument(help="A key's name or id.")]) -> None:
    """Revoke a key: within seconds nobody is admitted with it."""
    with existing_library(load_settings()) as sessions, sessions.begin() as session:
        row = api_keys.revoke_key(session, name)
        left = api_keys.has_usable_key(session)
    out.print(f"key {safe(row.name)} ({row.prefix}...) is revoked")
    if not left:
        out.print(
            "[yellow]It was the last one. The API still answers nobody without a key: make one, or "
            "open it to this machine with `soundalike keys forget`.[/yellow]"
        )


@keys.command()
def forget(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete all keys: unless SOUNDALIKE_API_KEY is set, this machine then needs none."""
    if not yes:
        typer.confirm("Delete all keys, and let every program of this machine in?", abort=True)
    with existing_library(load_settings()) as sessions, sessions.begin() as session:
        count = api_keys.forget_keys(session)
    out.print(f"{counted(count, 'key')} deleted, and all that were revoked")


def _facts(row: ApiKeyRow) -> dict[str, object]:
    """Return what is known of a key, without its hash."""
    times = {
        "created_at": row.created_at,
        "last_used_at": row.last_used_at,
        "revoked_at": row.revoked_at,
    }
    return {
        "id": row.id,
        "name": row.name,
        "scope": row.scope,
        "prefix": row.prefix,
        **{name: at.isoformat() if at else None for name, at in times.items()},
    }


def _moment(at: dt.datetime | None) -> str:
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC" if at else ""
