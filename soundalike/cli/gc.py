"""`soundalike gc`: removes artifacts that are no longer needed."""

from itertools import groupby
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from soundalike.catalog.engine import Sessions
from soundalike.catalog.library_settings import follow, read
from soundalike.cli.library import existing_library
from soundalike.embedders import space_for
from soundalike.maintenance.garbage import collect, find_garbage
from soundalike.maintenance.local_garbage import Garbage, Retention
from soundalike.settings import Settings, load_settings
from soundalike.storage.layout import ArtifactStore
from soundalike.tables import PathCell
from soundalike.vectors.milvus.server import Milvus


def gc(
    apply: Annotated[
        bool, typer.Option("--apply", help="Remove them; otherwise they are only listed.")
    ] = False,
    keep_indexes: Annotated[
        int | None,
        typer.Option(
            min=0, help="Older index versions to keep, for rollbacks. [SOUNDALIKE_KEEP_INDEXES]"
        ),
    ] = None,
    keep_days: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Days to keep audio of removed tracks, and embeddings of unused models. "
            "[SOUNDALIKE_KEEP_DAYS]",
        ),
    ] = None,
) -> None:
    """List artifacts that are no longer needed; remove them with --apply.

    The published index, newer ones, and embeddings of the library's or served model are kept.
    Without the options, as SOUNDALIKE_KEEP_INDEXES and SOUNDALIKE_KEEP_DAYS say.
    """
    settings = load_settings()
    store = ArtifactStore.of(settings)
    keep = Retention(
        settings.keep_indexes if keep_indexes is None else keep_indexes,
        settings.keep_days if keep_days is None else keep_days,
    )
    with existing_library(settings) as sessions, Milvus.opened(settings) as milvus:
        work = collect if apply else find_garbage
        space = _library_space(sessions, settings)
        garbage = work(sessions, store, space, keep, milvus)
    out = Console()
    if not garbage:
        out.print("nothing to remove")
        return
    out.print(PathCell(str(store.root)), _table(garbage, store), sep="")
    out.print("removed" if apply else "nothing was removed; `soundalike gc --apply` does it")


def _library_space(sessions: Sessions, settings: Settings) -> str:
    """The key of the library's space; the weights that make it need not be here."""
    resolved = follow(sessions, settings)
    with sessions() as session:
        row = read(session)
    return row.space if row else space_for(resolved).key


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
