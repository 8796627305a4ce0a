"""Runs that their process did not survive: ended, so that they do not stand for ever."""

import dagster as dg

FOREGROUND_TAG = "soundalike/foreground"
UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def end_dead_runs(instance: dg.DagsterInstance, *, foreground: bool) -> int:
    """Mark the foreground's runs, or all others, as failed if they are still under way.

    Their places in the pools are free again.

    Only for a caller who knows that nobody is executing them. Returns how many there were.
    """
    dead = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY))
        if (FOREGROUND_TAG in run.tags) == foreground
    ]
    for run in dead:
        instance.report_run_failed(run, "its process was killed; what it had to do is done again")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(dead)


if __name__ == "__main__":  # `soundalike up`, before it starts Dagster
    with dg.DagsterInstance.get() as found:
        end_dead_runs(found, foreground=False)
