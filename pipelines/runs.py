"""Runs: queries of the Dagster instance's run records, for schedules.py and sensors.py.

Runs whose process was killed are in orphaned_runs.py, and run errors in run_errors.py.
"""

import dagster as dg

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def unfinished_runs(instance: dg.DagsterInstance, job: str) -> list[dg.DagsterRun]:
    """The job's runs that have not ended, queued ones included."""
    return list(instance.get_runs(dg.RunsFilter(job_name=job, statuses=UNFINISHED)))
