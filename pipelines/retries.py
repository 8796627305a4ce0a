"""Which errors of a step are worth another try in the same run: those that pass by themselves."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from sqlalchemy.exc import InterfaceError, OperationalError

from soundalike.settings import load_settings
from soundalike.storage.room import blame_disk

PASSING = (OperationalError, InterfaceError, ConnectionError, TimeoutError)
MOST_RETRIES = 3
WAIT_SECONDS = 10.0


@contextmanager
def passing_errors_retried() -> Iterator[None]:
    """Around a step's work: a database or network that went for a moment is asked again.

    Anything else (a full disk, a missing model, unsound vectors) is the same the next time, and
    fails the run at once. Raises StorageError if it is the data root's disk that fails.
    """
    try:
        yield
    except (*PASSING, OSError) as error:
        blame_disk(error, load_settings().data)  # a PostgreSQL on a full disk goes away, too
        if not isinstance(error, PASSING):
            raise
        raise dg.RetryRequested(MOST_RETRIES, WAIT_SECONDS) from error
