"""The request of a job's run when it is due; the sensor keeps its note of the last one."""

import datetime as dt

import dagster as dg

from pipelines.attempts import WorkState, decide
from pipelines.notes import Notes
from pipelines.runs import last_run


def request_if_due(
    context: dg.SensorEvaluationContext,
    job: str,
    asset: str,
    state: WorkState,
    request: dg.RunRequest,
) -> dg.SensorResult:
    """Request a run of the job, which materialises `asset`, or say why it waits and until when.

    It waits if the last run failed, or was cancelled, and nothing has changed since.
    """
    run, note = last_run(context.instance, job, asset), Notes.read(context.cursor).runs.get(job)
    decision = decide(state, run, note, dt.datetime.now(dt.UTC))
    return dg.SensorResult(
        run_requests=[request] if decision.request else [],
        skip_reason=None if decision.request else decision.reason,
        cursor=Notes({job: decision.note}).text(),
    )
