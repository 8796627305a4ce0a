"""`soundalike ingest`: hands over to the pipeline, which knows Dagster; this package does not."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from soundalike.cli.weights import fetch_missing
from soundalike.ingest.scan import require_music
from soundalike.settings import load_settings

# -P: the current folder may be somebody's music, and must not be searched for our modules.
INGEST = (sys.executable, "-P", "-m", "pipelines.foreground")


def ingest(
    folder: Annotated[
        Path | None, typer.Argument(help="A folder of music to add to the library.")
    ] = None,
    confirm_removals: Annotated[
        bool,
        typer.Option(help="Accept that files are gone even if most of a root is missing."),
    ] = False,
) -> None:
    """Scan, and take everything new from files to the published index."""
    settings = load_settings()
    folders = [] if folder is None else [folder]
    require_music(folders)
    fetch_missing(settings, Console(stderr=True))
    options = ["--confirm-removals"] if confirm_removals else []
    os.execv(sys.executable, [*INGEST, *options, "--", *map(str, folders)])  # noqa: S606 - no shell, our own module
