"""`soundalike demo`: the whole path once, on the demo music or on yours, then serve it."""

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
from soundalike.terminal import similar_table
from soundalike.vectors.index_files import read_tracks

SHOWN_NEIGHBOURS = 5


def demo(
    music: Annotated[
        Path | None,
        typer.Argument(help="Your music; without it, 28 tracks that come as a package."),
    ] = None,
    serve: Annotated[bool, typer.Option(help="Serve the API and the Dagster UI after it.")] = True,
) -> None:
    """Ingest some music, show what sounds alike, and serve it."""
    os.environ.setdefault("SOUNDALIKE_MODEL", "musicnn-msd")  # its weights need no hub
    settings = load_settings()
    if serve:
        require_free_ports(settings)
    folder = music or _demo_music()
    require_music([str(folder)], settings.extensions)
    fetch_missing(settings, Console(stderr=True))
    done = subprocess.run([*INGEST, "--", str(folder)], check=False)
    if done.returncode:
        raise SoundalikeError(f"the ingest of {folder} did not end well; its message is above")
    _show_neighbours(settings)
    if serve:
        up()


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
    """The neighbours of the first and the middle one of the listed tracks that are in the index."""
    with connected_database(settings) as url, open_catalog(url)() as session:
        served = published(session)
        if served is None:
            raise LibraryError("no track got through, so there is nothing to show")
        store = ArtifactStore(settings.data)
        indexed = set(read_tracks(store.index(served.index.version)))
        rows = session.execute(tracks.page("", 200, None))
        views = [tracks.view(row) for row in rows if row.id in indexed]
        for place in sorted({0, len(views) // 2}) if views else ():
            _, found = nearest(session, store, views[place], SHOWN_NEIGHBOURS)
            Console().print(similar_table(views[place], found))
