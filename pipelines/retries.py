"""Which errors of a step are worth another try in the same run: those that pass by themselves."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from sqlalchemy.exc import InterfaceError, OperationalError

from soundalike.settings import load_settings
from soundalike.storage.disk_space import raise_disk_error

TRANSIENT_ERRORS = (OperationalError, InterfaceError, ConnectionError, TimeoutError)
MAX_RETRIES = 3
RETRY_DELAY_SECONDS = 10.0


@contextmanager
def transient_errors_retried() -> Iterator[None]:
    """Around a step's work: a database or network that went for a moment is asked again.

    Anything else (a full disk, a missing model, unsound vectors) is the same the next time, and
    fails the run at once. Raises StorageError if it is the data root's disk that fails.
    """
    try:
        yield
    except (*TRANSIENT_ERRORS, OSError) as error:
        raise_disk_error(error, load_settings().data)  # a PostgreSQL on a full disk goes away, too
        if not isinstance(error, TRANSIENT_ERRORS):
            raise
        raise dg.RetryRequested(MAX_RETRIES, RETRY_DELAY_SECONDS) from error
