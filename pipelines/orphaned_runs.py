"""Runs that their process did not survive: ended, so that they do not stand for ever."""

import dagster as dg

from soundalike.catalog.engine import ingest_running, open_catalog
from soundalike.settings import load_settings

FOREGROUND_TAG = "soundalike/foreground"
EXECUTING = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def fail_orphaned_runs(
    instance: dg.DagsterInstance, *, foreground: bool = False, background: bool = False
) -> int:
    """Mark `soundalike ingest`'s runs, or `soundalike up`'s, as failed if they are still under way.

    Their places in the pools are free again; else they would block the other's runs, too. Only for
    a caller who knows that nobody is executing them. Returns how many there were.
    """
    dead = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=EXECUTING))
        if (foreground if FOREGROUND_TAG in run.tags else background)
    ]
    for run in dead:
        instance.report_run_failed(run, "its process was killed; what it had to do is done again")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(dead)


if __name__ == "__main__":  # `soundalike up`, before it starts Dagster
    with dg.DagsterInstance.get() as found:
        catalog = open_catalog(str(load_settings().database_url))
        fail_orphaned_runs(found, background=True, foreground=not ingest_running(catalog))
