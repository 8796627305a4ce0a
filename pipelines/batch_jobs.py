"""Batch jobs: which of them a batch is due for.

One job has all stages of a batch. Where jobs have resources of their own, as in a Ray cluster, a
batch is decoded by one and embedded by another, so that many cores decode for one GPU.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

from pipelines.batch_work import WIPED
from pipelines.jobs import batch_job, decode_job, embed_job
from pipelines.launchers import separates_stages
from soundalike.catalog.batches import undecoded_batches
from soundalike.catalog.engine import Sessions
from soundalike.settings import Settings


@dataclass(frozen=True)
class BatchJob:
    """A job of batches, and its last asset: the newest run of that tells how the job went."""

    name: str
    asset: str


WHOLE = BatchJob(batch_job.name, "embeddings")
DECODE = BatchJob(decode_job.name, "resampled_audio")
EMBED = BatchJob(embed_job.name, "embeddings")


def by_job(
    instance: dg.DagsterInstance, sessions: Sessions, settings: Settings, wanted: Mapping[str, str]
) -> dict[BatchJob, dict[str, str]]:
    """Return the wanted batches, each with what is wanted of it, by the job that is due.

    Where canonical audio is removed once it is embedded, one job does it all: nobody else knows
    whether it is there. So it is with batches of which a person wiped the materialisations.
    """
    if not separates_stages(instance) or settings.keep_audio == "none":
        return {WHOLE: dict(wanted)}
    with sessions() as session:
        undecoded = undecoded_batches(session, wanted)
    due: dict[BatchJob, dict[str, str]] = {DECODE: {}, EMBED: {}, WHOLE: {}}
    for key, state in wanted.items():
        apart = DECODE if key in undecoded else EMBED
        due[WHOLE if state.startswith(WIPED) else apart][key] = state
    return due


def parallel_runs(instance: dg.DagsterInstance, on_one_machine: int) -> int:
    """Return how many runs a backlog is split into, at least."""
    queue = instance.get_concurrency_config().run_queue_config
    return queue.max_concurrent_runs if queue and separates_stages(instance) else on_one_machine
