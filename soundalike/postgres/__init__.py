"""A private PostgreSQL for users without one: started when needed, stopped by its last user."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from soundalike.errors import PostgresError
from soundalike.postgres.location import has_cluster, usable
from soundalike.postgres.server import Server, private_server
from soundalike.settings import Settings
from soundalike.storage.locks import exclusive, open_lock, try_exclusive

__all__ = ["connected_database", "has_database", "restart_database"]

DECIDING = "deciding.lock"  # held while one starts or stops the server
USERS = "users.lock"  # held, shared, by every user of the server

log = structlog.get_logger()


def has_database(settings: Settings) -> bool:
    """Return whether a database is named or was created. `connected_database` creates one."""
    return settings.database_url is not None or has_cluster(settings.data)


@contextmanager
def connected_database(settings: Settings, *, durable: bool = True) -> Iterator[str]:
    """Yield the URL of a database that accepts connections, for as long as the block lasts.

    DATABASE_URL if it is set. Else a private server below the data root, shared by all processes
    and threads that are in such a block; the last one out stops it. `durable=False` is for tests: a
    crash of the machine may lose the database. Raises PostgresError, which says what to do.
    """
    if settings.database_url:
        yield settings.database_url
        return
    with usable(settings.data):
        server = private_server(settings.data, durable)
        users = open_lock(server.home / USERS)
    try:
        with usable(settings.data), exclusive(server.home / DECIDING):
            is_first = try_exclusive(users)
            fcntl.flock(users, fcntl.LOCK_SH)
            if not server.ensure() and is_first:
                log.warning(
                    "postgres.adopted",
                    message="the private PostgreSQL of a process that was killed still runs; "
                    "it is used, and stopped by its last user",
                    folder=str(server.home),
                )
        yield server.url
    finally:
        _leave(server, users)


def restart_database(settings: Settings) -> bool:
    """Start the private server again if it was killed, for callers within `connected_database`.

    Returns whether it had to be started: not if it accepts connections, nor if DATABASE_URL names
    it. Raises PostgresError.
    """
    if settings.database_url:
        return False
    with usable(settings.data):
        server = private_server(settings.data, durable=True)
        with exclusive(server.home / DECIDING):
            return server.ensure()


def _leave(server: Server, users: int) -> None:
    """Stop the server if it has no other user. A failure must not hide the block's own error."""
    try:
        with exclusive(server.home / DECIDING):
            if try_exclusive(users):
                server.stop()
            # Closing is not enough: a child forked inside the block has the descriptor too.
            fcntl.flock(users, fcntl.LOCK_UN)
    except (OSError, PostgresError) as error:
        log.warning("postgres.not_stopped", folder=str(server.home), reason=str(error))
    finally:
        os.close(users)
