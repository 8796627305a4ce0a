"""Schedules: runs requested by the clock. Those that the catalog calls for are in sensors.py."""

import dagster as dg

from pipelines.jobs import scan_job
from pipelines.runs import unfinished_runs
from soundalike.settings import load_settings


@dg.schedule(
    job=scan_job,
    cron_schedule=load_settings().scan_cron,
    execution_timezone=load_settings().timezone,
    description="Scans the music roots for new and changed music.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def scan_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Scans for new music when SOUNDALIKE_SCAN_CRON says, unless a scan is unfinished."""
    if unfinished_runs(context.instance, scan_job.name):
        return dg.SkipReason("the previous scan is not done yet")
    return dg.RunRequest()


SCHEDULES = [scan_schedule]
