"""`soundalike demo`: ingests the demo music or a folder, shows some results, and serves them."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from soundalike.catalog import track_lists, tracks
from soundalike.catalog.engine import open_catalog
from soundalike.catalog.library_settings import read
from soundalike.catalog.publications import published
from soundalike.catalog.upgrade import upgrade
from soundalike.cli.ingest import INGEST, interrupts_deferred
from soundalike.cli.library import existing_library, followed
from soundalike.cli.similar import nearest
from soundalike.cli.up import require_free_ports, up
from soundalike.cli.weights import fetch_missing
from soundalike.errors import LibraryError, SoundalikeError
from soundalike.ingest.require_music import require_music
from soundalike.postgres import connected_database, has_database
from soundalike.settings import Settings, load_settings, settings_file
from soundalike.settings.file import FILE
from soundalike.storage.atomic import atomic_file
from soundalike.storage.layout import ArtifactStore
from soundalike.tables import similar_table

SHOWN_NEIGHBOURS = 5
DEMO_MODEL = "musicnn-msd"
DEMO_FILE = f"""\
# Written by `soundalike demo`. `soundalike config` lists what can be set here.
model = "{DEMO_MODEL}"  # its weights are a small download, and need no Hugging Face hub
"""
INTERRUPTED = 130


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
    try:
        _demo(music, serve=serve)
    except KeyboardInterrupt as error:
        raise typer.Exit(INTERRUPTED) from error


def _demo(music: Path | None, *, serve: bool) -> None:
    settings = _demo_settings()
    if serve:
        require_free_ports(settings)
    folder = music or _demo_music()
    require_music([str(folder)], settings.extensions)
    fetch_missing(settings, Console(stderr=True))
    _ingest(folder)
    _show_neighbours(settings)
    Console().print(_another_terminal(settings), soft_wrap=True, markup=False, highlight=False)
    if serve:
        Console().print(_invitation(settings), markup=False, highlight=False)
        up()


def _demo_settings() -> Settings:
    """The settings; where nobody chose a model, a file in the data root chooses the demo's.

    It is a file so that every later command has it too.
    """
    settings = load_settings()
    is_chosen = "model" in settings.model_fields_set or settings_file(settings.data)
    if not is_chosen and not _has_other_model(settings):
        with atomic_file(settings.data / FILE) as temporary:
            temporary.write_text(DEMO_FILE)
        load_settings.cache_clear()
        settings = load_settings()
    return followed(settings)


def _has_other_model(settings: Settings) -> bool:
    """Return whether there is a library, and it has another model than the demo's."""
    if not has_database(settings):
        return False
    with connected_database(settings) as url:
        upgrade(url)
        with open_catalog(url)() as session:
            row, served = read(session), published(session)
    model = row.model if row else served.index.model if served else DEMO_MODEL
    return model != DEMO_MODEL


def _another_terminal(settings: Settings) -> str:
    """The lines to paste into another terminal, to work there on the same library."""
    programs = Path(sys.executable).parent
    lines = [f"export SOUNDALIKE_DATA={shlex.quote(str(settings.data))}"]
    if (programs / "activate").is_file():
        lines.append(f"source {shlex.quote(str(programs / 'activate'))}")
    elif shutil.which("soundalike") is None:
        lines.append(f'export PATH={shlex.quote(str(programs))}:"$PATH"')
    lines.append("soundalike similar 'words of a title or path'")
    return "\n".join(("To go on in another terminal:", *(f"    {line}" for line in lines)))


def _invitation(settings: Settings) -> str:
    return (
        f"In a moment, open http://{settings.host}:{settings.port}/ in a browser, play a track, "
        "and hear what sounds like it."
    )


def _ingest(folder: Path) -> None:
    """Run `soundalike ingest` on a folder. Raises SoundalikeError if it fails."""
    with interrupts_deferred():
        ingest = subprocess.Popen([*INGEST, "--", str(folder)])
    with ingest:
        try:
            ingest.wait()
        except KeyboardInterrupt:
            ingest.wait()  # it has Ctrl-C too, and says what is kept
            raise
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
    from soundalike.vectors.index.open_index import OpenIndex

    out = Console()
    with existing_library(settings) as sessions, sessions() as session:
        served = published(session)
        if served is None:
            raise LibraryError("no track was embedded, so there is nothing to show")
        store = ArtifactStore.of(settings)
        indexed = OpenIndex.open(store.index(served.index.version))
        rows = session.execute(*track_lists.page("", 200, None))
        views = [tracks.view(row) for row in rows if row.id in indexed]
        for position in sorted({0, len(views) // 2}) if views else ():
            _, results = nearest(session, store, views[position], SHOWN_NEIGHBOURS)
            out.print(similar_table(views[position], results, out.width))
