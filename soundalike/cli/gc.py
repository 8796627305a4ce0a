"""`soundalike gc`: removes artifacts that are no longer needed."""

from itertools import groupby
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from soundalike.catalog.engine import open_catalog
from soundalike.embedders import space_for
from soundalike.maintenance.garbage import Garbage, Retention, collect, find_garbage
from soundalike.postgres import connected_database
from soundalike.settings import load_settings
from soundalike.storage.layout import ArtifactStore
from soundalike.tables import PathCell


def gc(
    apply: Annotated[
        bool, typer.Option("--apply", help="Remove them; otherwise they are only listed.")
    ] = False,
    keep_indexes: Annotated[
        int, typer.Option(min=0, help="Older index versions to keep, for rollbacks.")
    ] = 3,
    keep_days: Annotated[
        int,
        typer.Option(
            min=1, help="Days to keep audio of removed tracks, and embeddings of unused models."
        ),
    ] = 30,
) -> None:
    """List artifacts that are no longer needed; remove them with --apply.

    The published index, newer ones, and embeddings of the configured or served model are kept.
    """
    settings = load_settings()
    store, space = ArtifactStore(settings.data), space_for(settings).key
    with connected_database(settings) as url:
        sessions = open_catalog(url)
        work = collect if apply else find_garbage
        garbage = work(sessions, store, space, Retention(keep_indexes, keep_days))
    out = Console()
    if not garbage:
        out.print("nothing to remove")
        return
    out.print(PathCell(str(store.root)), _table(garbage, store), sep="")
    out.print("removed" if apply else "nothing was removed; `soundalike gc --apply` does it")


def _table(garbage: list[Garbage], store: ArtifactStore) -> Table:
    table = Table()
    table.add_column("reason")
    table.add_column("number", justify="right", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("first")
    for reason, items in groupby(garbage, key=lambda item: item.reason):
        group = list(items)
        size = decimal(sum(item.size for item in group))
        first = str(group[0].path.relative_to(store.root))
        table.add_row(reason, str(len(group)), size, PathCell(first))
    return table
