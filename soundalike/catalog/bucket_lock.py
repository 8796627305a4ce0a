"""The lock on the bucket of artifacts: one process at a time puts into it, or removes from it.

So no segment is removed while a version that names it is put. Readers need no lock.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from soundalike.catalog.engine import Sessions, autocommit

BUCKET_LOCK = 5_011_850_006
TAKE = text("select pg_advisory_lock(:key)")
RELEASE = text("select pg_advisory_unlock(:key)")


@contextmanager
def bucket_lock(sessions: Sessions) -> Iterator[None]:
    """Hold the lock, waiting for it if need be; the server frees it however its holder ends."""
    with autocommit(sessions) as connection:
        connection.execute(TAKE, {"key": BUCKET_LOCK})
        try:
            yield
        finally:
            with suppress(OperationalError):
                connection.execute(RELEASE, {"key": BUCKET_LOCK})
