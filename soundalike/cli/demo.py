"""`soundalike demo`: ingests the demo music or a folder, shows some results, and serves them."""

import os
import subprocess
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from soundalike.catalog import tracks
from soundalike.catalog.engine import open_catalog
from soundalike.catalog.indexes import published
from soundalike.cli.ingest import INGEST
from soundalike.cli.similar import nearest
from soundalike.cli.up import require_free_ports, up
from soundalike.cli.weights import fetch_missing
from soundalike.errors import LibraryError, SoundalikeError
from soundalike.ingest.roots import require_music
from soundalike.postgres import connected_database
from soundalike.settings import Settings, load_settings
from soundalike.storage.layout import ArtifactStore
from soundalike.tables import similar_table
from soundalike.vectors.index_files import read_tracks

SHOWN_NEIGHBOURS = 5


def demo(
    music: Annotated[
        Path | None,
        typer.Argument(help="A folder of music; without it, 28 tracks of an optional package."),
    ] = None,
    serve: Annotated[
        bool, typer.Option(help="Serve the API and the Dagster UI afterwards.")
    ] = True,
) -> None:
    """Ingest some music, show similar tracks, and serve it."""
    os.environ.setdefault("SOUNDALIKE_MODEL", "musicnn-msd")  # its weights need no hub
    settings = load_settings()
    if serve:
        require_free_ports(settings)
    folder = music or _demo_music()
    require_music([str(folder)], settings.extensions)
    fetch_missing(settings, Console(stderr=True))
    _ingest(folder)
    _show_neighbours(settings)
    if serve:
        up()


def _ingest(folder: Path) -> None:
    """Run `soundalike ingest` on a folder. Raises SoundalikeError if it fails."""
    ingest = subprocess.run([*INGEST, "--", str(folder)], check=False)
    if ingest.returncode:
        raise SoundalikeError(f"the ingest of {folder} failed; its error is shown above")


def _demo_music() -> Path:
    try:
        from immich_memories_music import tracks_dir  # noqa: PLC0415 - an optional package
    except ImportError as error:
        raise LibraryError(
            "the demo music is not installed; run `pip install 'soundalike[demo]'`, "
            "or name a folder: soundalike demo FOLDER"
        ) from error
    return Path(tracks_dir())


def _show_neighbours(settings: Settings) -> None:
    """Print neighbours of two tracks: of the first 200, the first and middle ones in the index."""
    out = Console()
    with connected_database(settings) as url, open_catalog(url)() as session:
        served = published(session)
        if served is None:
            raise LibraryError("no track was embedded, so there is nothing to show")
        store = ArtifactStore(settings.data)
        indexed = set(read_tracks(store.index(served.index.version)))
        rows = session.execute(tracks.page("", 200, None))
        views = [tracks.view(row) for row in rows if row.id in indexed]
        for position in sorted({0, len(views) // 2}) if views else ():
            _, results = nearest(session, store, views[position], SHOWN_NEIGHBOURS)
            out.print(similar_table(views[position], results, out.width))
