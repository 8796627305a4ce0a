"""Sensors: runs requested by the catalog's state. Those requested by the clock are in schedules.py.

A sensor here is a pure function of the catalog's state, and thin glue around it. What a run does is
in assets/, and the comparison with the served index in soundalike/ingest/publish.py.
"""

import datetime as dt
from collections.abc import Collection, Sequence

import dagster as dg

from pipelines.jobs import automatic_publish_config, batch_job, index_job
from pipelines.orphaned_runs import fail_orphaned_runs
from pipelines.partitions import batches
from pipelines.resources import Model
from pipelines.runs import unfinished_runs
from soundalike.catalog.batches import PendingBatch, pending_batches
from soundalike.catalog.engine import Sessions, ingest_running
from soundalike.catalog.indexes import published
from soundalike.ingest.publish import next_index
from soundalike.settings import load_settings
from soundalike.storage.layout import ArtifactStore

PARTITION = "dagster/partition"
MAX_REQUESTS = 500  # a tick has 60 s, and Dagster adds partitions in chunks of at most 1000


def hour() -> str:
    """The UTC hour, part of run keys: a run that failed is requested again in the next hour."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H")


def batch_requests(
    pending: Sequence[PendingBatch], space: str, under_way: Collection[str], this_hour: str
) -> list[dg.RunRequest]:
    """Return a request for each batch not under way, one an hour by batch, space and reason."""
    return [
        dg.RunRequest(
            run_key=f"{batch.key}:{space}:{batch.since}:{this_hour}", partition_key=batch.key
        )
        for batch in pending[:MAX_REQUESTS]
        if batch.key not in under_way
    ]


@dg.sensor(
    job=batch_job,
    description="Requests a run for each batch with files or tracks that are not embedded yet.",
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def sealed_batches(
    context: dg.SensorEvaluationContext,
    sessions: dg.ResourceParam[Sessions],
    model: dg.ResourceParam[Model],
) -> dg.SensorResult | dg.SkipReason:
    """Requests a run for each sealed batch that is not embedded with the configured model."""
    if ingest_running(sessions):
        return dg.SkipReason("`soundalike ingest` is running in a terminal")
    fail_orphaned_runs(context.instance, foreground=True)  # of an ingest that was killed
    with sessions() as session:
        pending = pending_batches(session, model.space.key)
    runs = unfinished_runs(context.instance, batch_job.name)
    under_way = {run.tags.get(PARTITION, "") for run in runs}
    requests = batch_requests(pending, model.space.key, under_way, hour())
    if not requests:
        return dg.SkipReason(
            f"{len(pending)} batches are under way"
            if pending
            else f"every batch is embedded in {model.space.key}"
        )
    keys = [str(request.partition_key) for request in requests]
    return dg.SensorResult(
        run_requests=requests, dynamic_partitions_requests=[batches.build_add_request(keys)]
    )


@dg.sensor(
    job=index_job,
    description="Requests an index build when the library differs from the published index.",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def changed_library(
    context: dg.SensorEvaluationContext,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
) -> dg.RunRequest | dg.SkipReason:
    """Requests an index build when the library differs from the published index.

    Batches embedded during a build call for another version, and so another request.
    """
    if ingest_running(sessions):
        return dg.SkipReason("`soundalike ingest` is running in a terminal")
    if unfinished_runs(context.instance, index_job.name):
        return dg.SkipReason("an index build is under way")
    wanted = next_index(sessions, store, model.space, load_settings().index_kind)
    if wanted.version is None:
        return dg.SkipReason(wanted.reason)
    with sessions() as session:
        served = published(session)  # a version that comes back needs a request of its own
    seen = served.publication.id if served else 0
    return dg.RunRequest(
        run_key=f"{seen}:{wanted.version}:{hour()}", run_config=automatic_publish_config(seen)
    )


SENSORS = [sealed_batches, changed_library]
