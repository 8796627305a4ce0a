"""Schedules: what runs by the clock. What runs because of the catalog's state is in sensors.py."""

import dagster as dg

from pipelines.jobs import scan_job
from pipelines.runs import unfinished_runs
from soundalike.settings import load_settings


@dg.schedule(
    job=scan_job,
    cron_schedule=f"*/{load_settings().scan_minutes} * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def scan_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Looks for new music every SOUNDALIKE_SCAN_MINUTES."""
    if unfinished_runs(context.instance, scan_job.name):
        return dg.SkipReason("the scan before is not done yet")
    return dg.RunRequest()


SCHEDULES = [scan_schedule]
