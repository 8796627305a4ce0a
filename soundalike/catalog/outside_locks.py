"""Locks on what is outside of the catalog: the bucket of artifacts, and Milvus.

One process at a time puts something into such a place, or removes something from it. So no segment
is removed while a version that names it is put. Readers need no lock.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from soundalike.catalog.engine import Sessions, autocommit
from soundalike.catalog.lock_keys import BUCKET_LOCK, MILVUS_LOCK

TAKE = text("select pg_advisory_lock(:key)")
RELEASE = text("select pg_advisory_unlock(:key)")


@contextmanager
def bucket_lock(sessions: Sessions) -> Iterator[None]:
    """Hold the lock, waiting for it if need be; the server frees it however its holder ends."""
    with _holding(sessions, BUCKET_LOCK):
        yield


@contextmanager
def milvus_lock(sessions: Sessions) -> Iterator[None]:
    """Hold the lock on writing and removing collections of Milvus, in the same way."""
    with _holding(sessions, MILVUS_LOCK):
        yield


@contextmanager
def _holding(sessions: Sessions, key: int) -> Iterator[None]:
    with autocommit(sessions) as connection:
        connection.execute(TAKE, {"key": key})
        try:
            yield
        finally:
            with suppress(OperationalError):
                connection.execute(RELEASE, {"key": key})
