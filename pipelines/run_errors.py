"""Why a foreground run failed, explained to people."""

import logging

import dagster as dg
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import OperationalError

from soundalike.errors import PostgresError, SoundalikeError, StorageError
from soundalike.settings import Settings


class RunFailed(SoundalikeError):
    """A Dagster run ended without success, for a reason that is not one file's."""


def run_failure(
    result: dg.ExecuteInProcessResult, job: str, error: Exception | None
) -> SoundalikeError:
    """RunFailed with the innermost reason of the first step that failed, or of the run.

    Where `error`, which the step reported, is a StorageError, it is that: all other batches would
    fail with it.
    """
    if isinstance(error, StorageError):
        return error
    reason = next(
        filter(None, map(_innermost_reason, result.all_events)), "see it in the Dagster UI"
    )
    return RunFailed(f"run {result.run_id} of {job} failed: {reason}")


def _innermost_reason(event: dg.DagsterEvent) -> str:
    reason = ""
    error = event.step_failure_data.error if event.is_step_failure else None
    while error:
        reason, error = error.message.strip(), error.cause
    return reason


def explain(error: Exception, settings: Settings) -> Exception:
    """The error to show: a private server that went away is started again by the next ingest."""
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
    warning = "Retrying failed database connection"
    logging.getLogger().addFilter(lambda record: warning not in record.getMessage())
