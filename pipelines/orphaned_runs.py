"""Orphaned runs: runs whose process was killed, which are marked as failed.

Whether `soundalike ingest` may still execute its own is known from its lock
(soundalike/catalog/process_locks.py). Of the others it is asked of the launcher that dagster.yaml
names. A launcher that is not ours has processes where nobody here sees them, and its lost runs are
found by Dagster's own monitoring of runs.
"""

import dagster as dg
from dagster._core.launcher import WorkerStatus

from pipelines.launchers import is_lost
from pipelines.run_launcher import ForkserverRunLauncher, fail_orphaned_run
from soundalike.catalog.engine import open_catalog
from soundalike.catalog.process_locks import ingest_running
from soundalike.settings import load_settings

FOREGROUND_TAG = "soundalike/foreground"
STARTING = dg.DagsterRunStatus.STARTING
EXECUTING = [STARTING, dg.DagsterRunStatus.STARTED]


def fail_orphaned_runs(
    instance: dg.DagsterInstance, *, foreground: bool = False, background: bool = False
) -> int:
    """Mark runs that never ended as failed, and return how many there were.

    `foreground`: those of `soundalike ingest`, of which the caller must know that no process
    executes them; `background`: those that the daemon launched. Their pool slots are freed, as they
    would block the other's runs too.
    """
    dead = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=EXECUTING))
        if (foreground if FOREGROUND_TAG in run.tags else background and is_lost(instance, run))
    ]
    for run in dead:
        fail_orphaned_run(instance, run)
    return len(dead)


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
