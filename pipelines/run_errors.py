"""Run errors: the reason why a foreground run failed, as a message for users.

Only messages are decided here; what is retried is in retries.py.
"""

import logging
import re
from collections.abc import Iterable

import dagster as dg
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import OperationalError

from soundalike.errors import PostgresError, SoundalikeError, StorageError
from soundalike.settings import Settings


class RunFailed(SoundalikeError):
    """A Dagster run failed, for a reason that is not one file's."""


def run_failure(
    result: dg.ExecuteInProcessResult, job: str, error: Exception | None
) -> SoundalikeError:
    """Return a RunFailed with the reason of the first step that failed.

    If `error`, which the step reported, is a StorageError, that is returned instead: all other
    batches would fail with it too.
    """
    if isinstance(error, StorageError):
        return error
    reason = reason_of_run(result.all_events) or "see it in the Dagster UI"
    return RunFailed(f"run {result.run_id} of {job} failed: {reason}")


def reason_of_run(events: Iterable[dg.DagsterEvent]) -> str:
    """Return why a run failed, of its events; "" if they do not say.

    That is what a blocking check found, or else the reason of the first step that failed.
    """
    reasons = []
    for event in events:
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            found = event.asset_check_evaluation_data
            if found.blocking and not found.passed:
                return f"asset check {found.check_name}: {found.description or 'it failed'}"
        elif event.is_step_failure:
            reasons.append(_reason(event))
    return next(filter(None, reasons), "")


def _reason(event: dg.DagsterEvent) -> str:
    """Return the sentence of a step that failed, see retries.py; else its innermost error."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    reason, error = "", data.error
    while error:
        named = rf"([\w.]+\.)?{re.escape(error.cls_name or '')}: "
        reason, error = " ".join(re.sub(f"^{named}", "", error.message).split()), error.cause
    return reason


def explain(error: Exception, settings: Settings) -> Exception:
    """Return the error to show; a lost private PostgreSQL is restarted by the next ingest."""
    if isinstance(error, DagsterPostgresException):  # it has retried for a while
        error = error.__cause__ if isinstance(error.__cause__, OperationalError) else error
    if not isinstance(error, OperationalError | DagsterPostgresException):
        return error
    if settings.database_url:
        return error if isinstance(error, OperationalError) else PostgresError(str(error))
    first = str(getattr(error, "orig", error)).partition("\n")[0]
    return PostgresError(
        f"the private PostgreSQL of the data root {settings.data} stopped answering: {first}\n"
        "Run `soundalike ingest` again: it restarts the server and continues where this run ended."
    )


def silence_retry_warnings() -> None:
    """Drop Dagster's warning of each attempt to reach PostgreSQL; the error is shown once."""
    warning = "Retrying failed database connection"
    logging.getLogger().addFilter(lambda record: warning not in record.getMessage())
