"""What went wrong in a foreground run, in words for people."""

import logging

import dagster as dg
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import OperationalError

from soundalike.errors import PostgresError, SoundalikeError, StorageError
from soundalike.settings import Settings


class RunFailed(SoundalikeError):
    """A Dagster run ended without success, for a reason that is not one file's."""


def run_failure(result: dg.ExecuteInProcessResult, job: str) -> SoundalikeError:
    """RunFailed with the innermost error of the first step that failed, or of the run.

    Or the StorageError that it was: all other batches would fail with it.
    """
    reason = ""
    for event in result.all_events:
        error = event.step_failure_data.error if event.is_step_failure else None
        while error:
            reason = error.message.strip()
            if error.cls_name == StorageError.__name__:
                return StorageError(reason.partition(": ")[2])
            error = error.cause
        if reason:
            break
    return RunFailed(f"run {result.run_id} of {job} failed: {reason or 'see it in the Dagster UI'}")


def explain(error: Exception, settings: Settings) -> Exception:
    """What to tell people: a private server that went away is started again by the next ingest."""
    if isinstance(error, DagsterPostgresException):  # it has asked again and again
        error = error.__cause__ if isinstance(error.__cause__, OperationalError) else error
    if not isinstance(error, OperationalError | DagsterPostgresException):
        return error
    if settings.database_url:
        return error if isinstance(error, OperationalError) else PostgresError(str(error))
    first = str(getattr(error, "orig", error)).partition("\n")[0]
    return PostgresError(
        f"the private PostgreSQL of the data root {settings.data} went away: {first}\n"
        "Run `soundalike ingest` again: it starts it, and goes on from where this one was."
    )


def silence_retry_warnings() -> None:
    """Dagster warns of each attempt to reach a PostgreSQL that went away; we say it once."""
    told = "Retrying failed database connection"
    logging.getLogger().addFilter(lambda record: told not in record.getMessage())
