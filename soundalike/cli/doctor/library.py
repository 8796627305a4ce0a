"""Checks of the library: its model, music folders and index, and who may ask for it."""

from collections.abc import Iterator

from soundalike.catalog.access import require_key_beyond_loopback
from soundalike.catalog.api_keys import has_usable_key
from soundalike.catalog.library_settings import library_space
from soundalike.catalog.publications import published
from soundalike.catalog.roots import roots
from soundalike.cli.doctor.findings import Examined, Finding
from soundalike.cli.library import nothing_ingested
from soundalike.cli.weights import download_note
from soundalike.embedders import MODELS, space_for, weights_path
from soundalike.errors import LibraryError
from soundalike.postgres import has_database
from soundalike.sources.roots import MusicRoot


def model(examined: Examined) -> Iterator[Finding]:
    """Tell which model the library is embedded with, and whether its weights are here."""
    settings, sessions = examined.settings, examined.sessions
    path = weights_path(settings)
    if path is None or path.is_file():  # a MERT's space is known only from its weights
        space = library_space(sessions, settings) if sessions else space_for(settings)
        yield Finding("model", space.key)
        yield Finding("weights", str(path or "none needed"))
    else:
        yield Finding("model", settings.model)
        advice = f"soundalike models fetch {settings.model} (the first ingest does it too)"
        state = f"not fetched yet, to be in {path.parent}; {download_note(MODELS[settings.model])}"
        yield Finding("weights", state, advice)


def music(examined: Examined) -> Iterator[Finding]:
    """Look whether the music folders are there: those of the library and of the settings."""
    if examined.sessions:
        with examined.sessions() as session:
            known = [MusicRoot(row.location) for row in roots(session)]
        for root in known:
            there = root.is_bucket or root.folder.is_dir()
            advice = "mount it, or `soundalike roots move` or `remove` it"
            yield Finding("music folder", root.shown, "" if there else advice)
    elif not examined.settings.music:
        yield Finding("music folders", "SOUNDALIKE_MUSIC is not set; `ingest FOLDER` adds one")
    for name in examined.settings.music:
        problem = ""
        try:
            MusicRoot.named(name).require()
        except LibraryError as error:
            problem = f"mount it, or correct SOUNDALIKE_MUSIC ({error})"
        yield Finding("music folder", name, problem)


def catalog(examined: Examined) -> Iterator[Finding]:
    """Tell where the catalog is, and which index is published."""
    settings, sessions = examined.settings, examined.sessions
    if sessions is None:
        if not has_database(settings):
            summary, _, advice = nothing_ingested(settings).partition("\n")
            yield Finding("library", summary, advice)
        return
    server = "DATABASE_URL" if settings.database_url else "a private server in the data root"
    yield Finding("PostgreSQL", f"reachable ({server})")
    with sessions() as session:
        served = published(session)
    if served is None:
        yield Finding("index", "none is published", "soundalike ingest FOLDER")
        return
    yield Finding("index", f"{served.index.version}, {served.index.tracks} tracks")


def access(examined: Examined) -> Iterator[Finding]:
    """Tell who may ask the API, which needs a key beyond loopback."""
    settings, sessions = examined.settings, examined.sessions
    require_key_beyond_loopback(settings)
    keys = ["SOUNDALIKE_API_KEY"] if settings.api_key else []
    if sessions:
        with sessions() as session:
            keys += ["keys of the catalog"] if has_usable_key(session) else []
    admits = " and ".join(keys) or "no key"
    yield Finding("access", f"the API listens on {settings.host}, with {admits}")
