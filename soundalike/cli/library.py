"""The library that a command works on: commands that only read open it, and create nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from soundalike.catalog.engine import Sessions, open_catalog
from soundalike.catalog.library_settings import follow
from soundalike.catalog.upgrade import schema_of, upgrade
from soundalike.errors import LibraryError, NothingIngested
from soundalike.postgres import connected_database, has_database
from soundalike.settings import Settings
from soundalike.storage.data_roots import known_data_roots


@contextmanager
def existing_library(settings: Settings) -> Iterator[Sessions]:
    """Open the catalog of the library.

    Raises NothingIngested if there is none, and LibraryError if its schema is not this version's.
    """
    if not has_database(settings):
        raise NothingIngested(nothing_ingested(settings))
    with connected_database(settings) as url:
        sessions = open_catalog(url)
        try:
            _require_current_schema(url, settings)
            yield sessions
        finally:
            sessions.kw["bind"].dispose()


def _require_current_schema(url: str, settings: Settings) -> None:
    match schema_of(url):
        case "none":
            raise NothingIngested(nothing_ingested(settings))
        case "older":
            raise LibraryError(
                "the catalog is of an older version of soundalike; run `soundalike db upgrade`"
            )
        case "newer":
            raise LibraryError(
                "the catalog was upgraded by a newer version of soundalike; update this one"
            )


def followed(settings: Settings) -> Settings:
    """Return the settings that an ingest will have: what it does not set follows the library.

    An existing catalog is upgraded. Raises SettingsError if the library has others.
    """
    if not has_database(settings):
        return settings
    with connected_database(settings) as url:
        upgrade(url)
        return follow(open_catalog(url), settings)


def nothing_ingested(settings: Settings) -> str:
    """Return what to tell a user whose data root holds no music, with the roots that do."""
    if settings.database_url:
        place = "nothing is ingested in the database that DATABASE_URL names"
    else:
        place = f"nothing is ingested in {settings.data}; SOUNDALIKE_DATA names another place"
    others = [root for root in known_data_roots() if root != settings.data]
    known = ["Ingested on this machine:", *(f"  SOUNDALIKE_DATA={root}" for root in others)]
    first = "`soundalike ingest FOLDER` adds music here."
    return "\n".join((place, first, *(known if others else ())))
