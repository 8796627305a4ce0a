"""Orphaned runs: runs whose process was killed, which are marked as failed.

Whether `soundalike ingest` may still execute its own is known from its lock
(soundalike/catalog/process_locks.py). Of the others it is asked of the launcher that dagster.yaml
names. A launcher that is not ours has processes where nobody here sees them, and its lost runs are
found by Dagster's own monitoring of runs.
"""

import datetime as dt

import dagster as dg
from dagster._core.launcher import WorkerStatus

from pipelines.launchers import is_lost
from pipelines.run_launcher import ForkserverRunLauncher, fail_orphaned_run
from pipelines.run_tags import has_own_tag
from soundalike.catalog.engine import open_catalog
from soundalike.catalog.process_locks import ingest_running
from soundalike.settings import load_settings

FOREGROUND_TAG = "soundalike/foreground"
NOT_STARTED, STARTING = dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING
EXECUTING = [STARTING, dg.DagsterRunStatus.STARTED]
QUEUED_WITHIN = dt.timedelta(minutes=1)  # after a run is created; it takes milliseconds


def fail_orphaned_runs(
    instance: dg.DagsterInstance, *, foreground: bool = False, background: bool = False
) -> int:
    """Mark runs that never ended as failed, and return how many there were.

    `foreground`: those of `soundalike ingest`, of which the caller must know that no process
    executes them; `background`: those that the daemon launched. Their pool slots are freed, as they
    would block the other's runs too.
    """

    def is_dead(run: dg.DagsterRun) -> bool:
        if has_own_tag(run, FOREGROUND_TAG):
            return foreground
        return background and run.status in EXECUTING and is_lost(instance, run)

    unfinished = instance.get_runs(dg.RunsFilter(statuses=[NOT_STARTED, *EXECUTING]))
    dead = [run for run in unfinished if is_dead(run)]
    for run in dead:
        fail_orphaned_run(instance, run)
    return len(dead)


def fail_lost_requests(instance: dg.DagsterInstance) -> None:
    """Mark runs as failed that were created, but never queued.

    That is left of a request whose database failed in between, as on a full disk. Until it has
    failed such a run counts as under way, and its work is not asked for again.
    """
    before = dt.datetime.now(dt.UTC) - QUEUED_WITHIN
    lost = dg.RunsFilter(statuses=[NOT_STARTED], created_before=before)
    for run in instance.get_runs(lost):
        if not has_own_tag(run, FOREGROUND_TAG):
            instance.report_run_failed(run, "it was never queued; a later run does its work")


def fail_lost_launches(instance: dg.DagsterInstance) -> None:
    """Mark runs as failed whose daemon died as it launched them.

    Dagster's monitoring looks at the processes of runs that have started, and gives the others the
    whole of start_timeout_seconds.
    """
    launcher = instance.run_launcher
    if not isinstance(launcher, ForkserverRunLauncher):
        return
    for run in instance.get_runs(dg.RunsFilter(statuses=[STARTING])):
        lost = launcher.check_run_worker_health(run).status is WorkerStatus.NOT_FOUND
        now = instance.get_run_by_id(run.run_id) if lost else None
        if now and now.status is STARTING:  # or it ended by itself meanwhile
            fail_orphaned_run(instance, now)


if __name__ == "__main__":  # `soundalike up`, before it starts Dagster
    with dg.DagsterInstance.get() as dagster:
        catalog = open_catalog(str(load_settings().database_url))
        fail_orphaned_runs(dagster, background=True, foreground=not ingest_running(catalog))
