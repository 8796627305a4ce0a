"""A private PostgreSQL for whoever has none: started when needed, stopped by its last user."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from soundalike.postgres.server import private_server
from soundalike.settings import Settings

__all__ = ["connected_database"]


@contextmanager
def connected_database(settings: Settings, *, durable: bool = True) -> Iterator[str]:
    """The URL of a database that answers, for as long as the block lasts.

    DATABASE_URL if it is set. Else a private server below the data root, shared by all processes
    that are in such a block; the last one out stops it. `durable=False` is for tests: a crash of
    the machine may lose the database. Raises PostgresError that says what to do.
    """
    if settings.database_url:
        yield settings.database_url
        return
    server = private_server(settings.data, durable)
    deciding, using = server.home / "deciding.lock", server.home / "users.lock"
    with using.open("w") as user:
        with _locked(deciding):
            server.ensure()
            # Freed by the kernel however this process ends, so a killed one is not counted.
            fcntl.flock(user, fcntl.LOCK_SH)
        try:
            yield server.url()
        finally:
            with _locked(deciding):
                if _alone(user):
                    server.stop()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _alone(user: IO[str]) -> bool:
    try:
        fcntl.flock(user, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
