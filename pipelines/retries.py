"""Errors of a step: which are worth another try in the same run, and how the others are told.

Every step's error becomes a dg.Failure here, whose description is the reason as a sentence; the
error itself, with its trace, is the failure's cause. Retry delays of failed files are in
soundalike/catalog/failures.py, and what a foreground run prints in run_errors.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from soundalike.audio.process import DecoderUnavailable
from soundalike.catalog.engine import describe
from soundalike.errors import BucketError, LockLost, MilvusError, SoundalikeError
from soundalike.ingest.reports import NoReports, Reports
from soundalike.settings import load_settings
from soundalike.storage.disk_space import raise_disk_error

DATABASE_AWAY = (OperationalError, InterfaceError, ConnectionError, TimeoutError)
# A decoder that did not start, and a temporary file that somebody deleted, pass by themselves; a
# batch that another run took over is done when that one ends; a bucket or Milvus may be away for a
# moment.
AWAY = (*DATABASE_AWAY, BucketError, MilvusError)
TRANSIENT_ERRORS = (*AWAY, DecoderUnavailable, FileNotFoundError, LockLost)
MAX_RETRIES = 3
RETRY_DELAY_SECONDS = 10.0


@contextmanager
def transient_errors_retried(reports: Reports | None = None) -> Iterator[None]:
    """Retry the step if what it works with failed for a moment; report each error.

    Any other error (a full disk, a missing model, invalid vectors) is not transient, and fails the
    run at once. Either way the UI shows the reason as a sentence: a dg.Failure, of which the error
    is the cause; a StorageError if it is the data root's disk that fails.
    """
    try:
        with _disk_errors_named():
            yield
    except (dg.Failure, dg.RetryRequested, dg.DagsterError):  # told already, or Dagster's own
        raise
    except Exception as error:
        (reports or NoReports()).fail(error)
        failure = failure_of(error)
        if isinstance(error, TRANSIENT_ERRORS):
            raise dg.RetryRequested(MAX_RETRIES, RETRY_DELAY_SECONDS) from failure
        raise failure from error


def failure_of(error: Exception) -> dg.Failure:
    """Return the failure that tells `error`: the reason first, then of which kind it is."""
    failure = dg.Failure(description=reason_of(error), metadata={"error": type(error).__name__})
    failure.__cause__ = error
    return failure


def reason_of(error: Exception) -> str:
    """Return the error's message as a sentence; an unexpected error is called that."""
    if isinstance(error, SQLAlchemyError):
        return str(describe(error))
    if isinstance(error, SoundalikeError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error} (the trace below says where)"


@contextmanager
def _disk_errors_named() -> Iterator[None]:
    try:
        yield
    except (*TRANSIENT_ERRORS, OSError) as error:
        raise_disk_error(error, load_settings().data)  # a full disk also ends PostgreSQL
        raise
