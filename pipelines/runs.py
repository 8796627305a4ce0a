"""The instance's runs: which of a job's have not ended."""

import dagster as dg

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def unfinished_runs(instance: dg.DagsterInstance, job: str) -> list[dg.DagsterRun]:
    """The job's runs that have not ended."""
    return list(instance.get_runs(dg.RunsFilter(job_name=job, statuses=UNFINISHED)))
