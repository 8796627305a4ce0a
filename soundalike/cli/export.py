"""`soundalike export`: ids, files, tags and vectors, for pandas and whatever reads Parquet."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from soundalike.cli.library import existing_library
from soundalike.maintenance.export import export as write
from soundalike.maintenance.export import export_targets
from soundalike.maintenance.exported_vectors import (
    ROWS_AT_ONCE,
    published_vectors,
    space_vectors,
)
from soundalike.settings import load_settings
from soundalike.storage.layout import ArtifactStore
from soundalike.terminal import ProgressBars, counted, safe

out = Console(stderr=True)


def export(
    target: Annotated[Path, typer.Argument(help="FILE.parquet, FILE.npy, or a folder.")],
    space: Annotated[
        str | None,
        typer.Option(help="All vectors of this space, instead of the published index's."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
) -> None:
    """Write each track's id, file, tags and vector to a file for your own analyses.

    FILE.npy has the vectors alone, and FILE.parquet beside it the tracks, in the same order.
    """
    settings = load_settings()
    store, bars = ArtifactStore.of(settings), ProgressBars(out)
    with existing_library(settings) as sessions, sessions() as session:
        if space:
            source = space_vectors(session, store, space)
        else:
            source = published_vectors(session, store)
        files = export_targets(target, source.name, replace=force)
        steps = -(-source.tracks // ROWS_AT_ONCE)
        write(session, source, bars.track(source.blocks, "export", steps), files)
    for file in files:
        typer.echo(file)
    out.print(f"{counted(source.tracks, 'track')} of {safe(source.space)}")
