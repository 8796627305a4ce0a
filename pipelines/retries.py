"""Retries: the errors of a step for which Dagster retries it in the same run.

Retry delays of failed files are in soundalike/catalog/failures.py, not here.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from sqlalchemy.exc import InterfaceError, OperationalError

from soundalike.ingest.reports import Reports
from soundalike.settings import load_settings
from soundalike.storage.disk_space import raise_disk_error

TRANSIENT_ERRORS = (OperationalError, InterfaceError, ConnectionError, TimeoutError)
MAX_RETRIES = 3
RETRY_DELAY_SECONDS = 10.0


@contextmanager
def transient_errors_retried(reports: Reports) -> Iterator[None]:
    """Retry the step if its database or network failed for a moment; report each error.

    Any other error (a full disk, a missing model, invalid vectors) is not transient, and fails the
    run at once. Raises StorageError if it is the data root's disk that fails.
    """
    try:
        with _disk_errors_named():
            yield
    except Exception as error:
        reports.fail(error)
        if isinstance(error, TRANSIENT_ERRORS):
            raise dg.RetryRequested(MAX_RETRIES, RETRY_DELAY_SECONDS) from error
        raise


@contextmanager
def _disk_errors_named() -> Iterator[None]:
    try:
        yield
    except (*TRANSIENT_ERRORS, OSError) as error:
        raise_disk_error(error, load_settings().data)  # a full disk also ends PostgreSQL
        raise
