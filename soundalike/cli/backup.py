"""`soundalike backup` and `soundalike restore`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal

from soundalike.cli.library import existing_library
from soundalike.maintenance.backup import back_up
from soundalike.maintenance.backup_files import Backup, read_backup
from soundalike.maintenance.restore import restore as restore_backup
from soundalike.postgres import connected_database
from soundalike.settings import load_settings
from soundalike.storage.layout import ArtifactStore
from soundalike.tables import PathCell
from soundalike.terminal import ProgressBars, counted

out = Console()


def backup(
    target: Annotated[Path, typer.Argument(help="A folder, which must not exist.")],
    audio: Annotated[
        bool,
        typer.Option("--audio", help="Canonical audio too: large, and made again otherwise."),
    ] = False,
) -> None:
    """Write the catalog, Dagster's history, vectors and the published index to a folder.

    What is served and ingested goes on meanwhile. The music itself is not copied.
    """
    settings = load_settings()
    bars = ProgressBars(Console(stderr=True))
    with existing_library(settings) as sessions:
        store = ArtifactStore.of(settings)
        written = back_up(sessions, store, target, bars, audio=audio)
    out.print(PathCell(str(target)), _size(written), sep="\n")


def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `soundalike backup` wrote.")],
) -> None:
    """Restore a backup into a data root, or a database, without a library.

    Everything is verified first. Canonical audio that is not in the backup is made again from the
    music by the next ingest.
    """
    settings = load_settings()
    bars = ProgressBars(Console(stderr=True))
    found = read_backup(folder)
    with connected_database(settings) as url:
        restore_backup(found, url, ArtifactStore(settings.data), bars)
    out.print(PathCell(str(settings.data)), _size(found), sep="\n")
    out.print("`soundalike up` serves it; music that moved: `soundalike roots move`")


def _size(found: Backup) -> str:
    return f"{counted(len(found.files), 'file')}, {decimal(found.size)}, of {found.created_at}"
