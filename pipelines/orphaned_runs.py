"""Orphaned runs: runs whose process was killed, which are marked as failed.

Whether a process may still execute them is known from the locks in soundalike/catalog/engine.py.
"""

import dagster as dg

from soundalike.catalog.engine import open_catalog
from soundalike.catalog.process_locks import ingest_running
from soundalike.settings import load_settings

FOREGROUND_TAG = "soundalike/foreground"
EXECUTING = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def fail_orphaned_runs(
    instance: dg.DagsterInstance, *, foreground: bool = False, background: bool = False
) -> int:
    """Mark runs that never ended as failed, and return how many there were.

    `foreground`: those of `soundalike ingest`; `background`: those of `soundalike up`. Their pool
    slots are freed, as they would block the other's runs too. The caller must know that no process
    executes them.
    """
    dead = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=EXECUTING))
        if (foreground if FOREGROUND_TAG in run.tags else background)
    ]
    for run in dead:
        fail_orphaned_run(instance, run)
    return len(dead)


def fail_orphaned_run(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Mark a run as failed, or as cancelled if it was being cancelled, and free its pool slots."""
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, "its process was killed while it ended")
    else:
        instance.report_run_failed(run, "its process was killed; a later run repeats its work")
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


if __name__ == "__main__":  # `soundalike up`, before it starts Dagster
    with dg.DagsterInstance.get() as dagster:
        catalog = open_catalog(str(load_settings().database_url))
        fail_orphaned_runs(dagster, background=True, foreground=not ingest_running(catalog))
