"""Batch work: the batches with work left, and whether a run of each is due, for sensors.py."""

import datetime as dt
from collections.abc import Mapping, Sequence

import dagster as dg

from pipelines.attempts import Decision, WorkState, decide
from pipelines.jobs import BATCH_JOBS
from pipelines.notes import Notes
from pipelines.partitions import batches
from pipelines.runs import last_partition_runs, unfinished_runs
from pipelines.wipes import last_wipes, unmaterialised
from soundalike.catalog.batches import PendingBatch

BATCH_ASSETS = ("raw_audio", "resampled_audio", "embeddings")  # in data-flow order
MAX_UNDER_WAY = 500  # batches that are requested, queued or worked on at a time
SHOWN_REASONS = 5
WIPED = "wiped "  # what is wanted of a batch whose materialisations are to be made again


def wanted_batches(
    instance: dg.DagsterInstance,
    pending: Sequence[PendingBatch],
    embedded: set[str],
    seen_wipes: Mapping[str, float],
) -> tuple[dict[str, str], Mapping[str, float]]:
    """Return the batches to process, each with what is wanted of it, and the last wipes.

    Pending batches come first; then those that are embedded, but of which a person has wiped the
    materialisations since the wipes in `seen_wipes`.
    """
    wanted = {batch.key: batch.state for batch in pending}
    wipes = last_wipes(instance, BATCH_ASSETS)
    if wipes == seen_wipes:
        return wanted, wipes
    wiped = unmaterialised(instance, BATCH_ASSETS, embedded - wanted.keys())
    wanted.update(dict.fromkeys(wiped, f"{WIPED}{max(wipes.values())}"))
    return wanted, seen_wipes if wiped else wipes


def decide_batches(
    instance: dg.DagsterInstance,
    notes: Notes,
    wanted: Mapping[str, str],
    order: Sequence[str],
    longest: int,
    conditions: str,
    asset: str,
) -> dict[str, Decision]:
    """Decide for each wanted batch in turn whether a run is due, until MAX_UNDER_WAY are.

    `asset`: the one whose newest run tells how it went.

    Batches that wait (cancelled, or failed a moment ago) do not count, so that they hold up none.
    """
    now = dt.datetime.now(dt.UTC)
    decisions: dict[str, Decision] = {}
    under_way = 0
    for key, run in last_partition_runs(instance, list(wanted), order, longest, asset):
        state = WorkState(wanted[key], conditions)
        decisions[key] = decide(state, run, notes.runs.get(key), now)
        under_way += decisions[key].request or (run is not None and run.ended_at is None)
        if under_way == MAX_UNDER_WAY:
            break
    return decisions


def batches_under_way(
    instance: dg.DagsterInstance, pending: Sequence[PendingBatch], longest: int
) -> bool:
    """Return whether a batch is worked on, or is about to be; one that failed does not count."""
    if any(unfinished_runs(instance, job.name) for job in BATCH_JOBS):
        return True
    order = instance.get_dynamic_partitions(str(batches.name))
    keys = [batch.key for batch in pending]
    runs = last_partition_runs(instance, keys, order, longest, BATCH_ASSETS[-1])
    return any(run is None for _, run in runs)


def reasons_to_wait(decisions: Mapping[str, Decision], space: str) -> str:
    """Return why no run is requested: the reasons of the first batches."""
    if not decisions:
        return f"every batch is embedded in {space}"
    reasons = [f"{key}: {decision.reason}" for key, decision in decisions.items()]
    more = len(reasons) - SHOWN_REASONS
    return "\n".join(reasons[:SHOWN_REASONS] + ([f"and {more} more batches"] if more > 0 else []))
