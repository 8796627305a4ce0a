"""Schedules: runs requested by the clock. Those that the catalog calls for are in sensors.py.

A tick that was missed because nothing was running is made up for at the next start, once.
"""

import datetime as dt
from zoneinfo import ZoneInfo

import dagster as dg
from cronsim import CronSim

from pipelines.jobs import scan_job
from pipelines.prune import prune_job
from pipelines.runs import unfinished_runs
from soundalike.settings import load_settings

# Dagster's daemon looks for due sensors every 5 s; one of 5 s is often not due yet by an instant.
EACH_LOOP_SECONDS = 4


def next_time(cron: str, after: dt.datetime | None = None) -> str:
    """Return when the cron expression holds next, in SOUNDALIKE_TIMEZONE, as `shown_time` does."""
    start = (after or dt.datetime.now(dt.UTC)).astimezone(ZoneInfo(load_settings().timezone))
    return shown_time(next(CronSim(cron, start)).timestamp())


def shown_time(timestamp: float) -> str:
    """Return a UNIX time in SOUNDALIKE_TIMEZONE: the hour, and the day if it is not today."""
    zone = ZoneInfo(load_settings().timezone)
    time = dt.datetime.fromtimestamp(timestamp, zone)
    is_today = time.date() == dt.datetime.now(zone).date()
    return f"{time:%H:%M}" if is_today else f"{time:%H:%M on %Y-%m-%d}"


def request_or_wait(
    context: dg.ScheduleEvaluationContext, job: str, cron: str
) -> dg.RunRequest | dg.SkipReason:
    """Request a run of the job, unless one has not ended."""
    unfinished = unfinished_runs(context.instance, job)
    if not unfinished:
        return dg.RunRequest()
    run = unfinished[-1].run_id[:8]
    return dg.SkipReason(f"run {run} of {job} has not ended; next try {next_time(cron)}")


@dg.schedule(
    job=scan_job,
    cron_schedule=load_settings().scan_cron,
    execution_timezone=load_settings().timezone,
    description="Scans the music roots for new and changed music (SOUNDALIKE_SCAN_CRON).",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def scan_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Scans for new music when SOUNDALIKE_SCAN_CRON says, unless a scan is unfinished."""
    return request_or_wait(context, scan_job.name, load_settings().scan_cron)


@dg.schedule(
    job=prune_job,
    cron_schedule=load_settings().prune_cron,
    execution_timezone=load_settings().timezone,
    description="Removes old index versions, artifacts and runs (SOUNDALIKE_PRUNE_CRON).",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def prune_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Prunes when SOUNDALIKE_PRUNE_CRON says, unless that is still being done."""
    return request_or_wait(context, prune_job.name, load_settings().prune_cron)


SCHEDULES = [scan_schedule, prune_schedule]
