"""Access to a socket that other machines reach: a key must be set, or be in the catalog."""

from psycopg.errors import UndefinedTable
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from soundalike.catalog.api_keys import has_usable_key
from soundalike.catalog.engine import describe, engine_of, open_catalog
from soundalike.errors import PostgresError, SettingsError
from soundalike.postgres import connected_database, has_database
from soundalike.settings import Settings, is_loopback


def require_key_beyond_loopback(settings: Settings) -> None:
    """Require an API key if the service listens beyond loopback.

    Raises SettingsError if there is none, or the catalog, which may have one, cannot be read.
    """
    if settings.api_key or is_loopback(settings.host):
        return
    admits = f"SOUNDALIKE_HOST={settings.host!r} admits other machines, and SOUNDALIKE_API_KEY is "
    try:
        has_key = _has_catalog_key(settings)
    except PostgresError as error:
        unknown = "not set; the catalog, which may have a key, cannot be read"
        raise SettingsError(f"{admits}{unknown}: {error}") from error
    if not has_key:
        raise SettingsError(
            f"{admits}not set, nor has the catalog a key: `soundalike keys add NAME` makes one; or "
            "set SOUNDALIKE_API_KEY, or SOUNDALIKE_HOST=127.0.0.1"
        )


def _has_catalog_key(settings: Settings) -> bool:
    """Return whether the catalog, if there is one, has a usable key. Raises PostgresError."""
    if not has_database(settings):
        return False
    with connected_database(settings) as url:
        sessions = open_catalog(url)
        try:
            with sessions() as session:
                return has_usable_key(session)
        except ProgrammingError as error:
            if isinstance(error.orig, UndefinedTable):  # of before there were keys
                return False
            raise describe(error) from error
        except SQLAlchemyError as error:
            raise describe(error) from error
        finally:
            engine_of(sessions).dispose()
