"""Locks of processes: one foreground ingest and one `up` at a time, seen by all others.

They are PostgreSQL's advisory locks, which it frees when their holder ends, however it ends. A
restart of the server frees them too, so a thread of the holder takes its lock again.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import Event, Thread

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from soundalike.catalog.engine import Sessions, autocommit
from soundalike.catalog.lock_keys import INGEST_LOCK, UP_LOCK
from soundalike.errors import LibraryError

LOOK_SECONDS = 0.5
END_SECONDS = 2.0  # a server that hangs frees the lock when this process ends

TAKE = text("select pg_try_advisory_lock(:key)")
RELEASE = text("select pg_advisory_unlock(:key)")

log = structlog.get_logger()


class KeptLock:
    """A lock that is held from a `take` that succeeded on, also when the server was restarted."""

    def __init__(self, sessions: Sessions, key: int) -> None:
        self._sessions = sessions
        self._key = key
        self._connection: Connection | None = None
        self._ended = Event()
        self._thread = Thread(target=self._keep, daemon=True)

    def take(self) -> bool:
        """Take the lock and keep it; False if another process has it."""
        if self._taken():
            self._thread.start()
            return True
        self._close()
        return False

    def release(self) -> None:
        """Free the lock. If its connection broke, that is done; the work done under it stands."""
        self._ended.set()
        self._thread.join(END_SECONDS)
        if self._connection and not self._thread.is_alive():
            with suppress(SQLAlchemyError):
                self._connection.execute(RELEASE, {"key": self._key})
            self._close()

    def _keep(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            try:
                if self._connection:
                    self._connection.execute(text("select 1"))
                elif self._taken():
                    log.info("lock.taken_again", key=self._key)
                else:
                    self._close()
            except SQLAlchemyError:  # the server is away
                self._close()

    def _taken(self) -> bool:
        self._connection = autocommit(self._sessions)
        return bool(self._connection.execute(TAKE, {"key": self._key}).scalar_one())

    def _close(self) -> None:
        if self._connection:
            with suppress(SQLAlchemyError):
                self._connection.invalidate()  # in the pool it could hold the lock against us
                self._connection.close()
        self._connection = None


@contextmanager
def _alone(sessions: Sessions, key: int, command: str) -> Iterator[None]:
    lock = KeptLock(sessions, key)
    if not lock.take():
        raise LibraryError(f"another `soundalike {command}` is running on this catalog")
    try:
        yield
    finally:
        lock.release()


def ingest_lock(sessions: Sessions) -> AbstractContextManager[None]:
    """Hold the lock of foreground ingest. Raises LibraryError if another process has it."""
    return _alone(sessions, INGEST_LOCK, "ingest")


def up_lock(sessions: Sessions) -> AbstractContextManager[None]:
    """Hold the lock of running Dagster. Raises LibraryError if another process has it."""
    return _alone(sessions, UP_LOCK, "up")


def ingest_running(sessions: Sessions) -> bool:
    """Return whether a process holds `ingest_lock`, without taking it."""
    return _is_held(sessions, INGEST_LOCK)


def up_running(sessions: Sessions) -> bool:
    """Return whether a process holds `up_lock`, without taking it."""
    return _is_held(sessions, UP_LOCK)


def _is_held(sessions: Sessions, key: int) -> bool:
    held = text(
        "select exists (select from pg_locks where locktype = 'advisory' and granted "
        "and database = (select oid from pg_database where datname = current_database()) "
        "and (classid::bigint << 32) + objid::bigint = :key and objsubid = 1)"
    )
    with sessions() as session:
        return bool(session.execute(held, {"key": key}).scalar_one())
