"""When things run: jobs, the scan's schedule, and the sensors that follow the catalog.

A sensor here is a pure function of what the catalog says, and thin glue around it.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

import dagster as dg

from pipelines.leftovers import end_dead_runs
from pipelines.partitions import batches
from pipelines.resources import Model
from soundalike.catalog.batches import PendingBatch, pending_batches
from soundalike.catalog.engine import Sessions, ingest_running
from soundalike.catalog.indexes import published
from soundalike.ingest.publish import next_index
from soundalike.settings import load_settings
from soundalike.storage.layout import ArtifactStore

PARTITION = "dagster/partition"
MOST_REQUESTS = 500  # a tick has 60 s, and Dagster adds partitions in chunks of at most 1000

FIRST = {"dagster/priority": "1"}  # a scan or a new index does not wait behind a backlog of batches

scan_job = dg.define_asset_job(
    "scan", selection=["library"], tags=FIRST, description="Look for new and changed music."
)
batch_job = dg.define_asset_job(
    "ingest_batch",
    selection=["raw_audio", "resampled_audio", "embeddings"],
    partitions_def=batches,
    description="Take one batch from files to vectors.",
)
index_job = dg.define_asset_job(
    "publish_index",
    selection=["faiss_index", "published_index"],
    tags=FIRST,
    description="Build, check and publish the index.",
)


@dg.schedule(
    job=scan_job,
    cron_schedule=f"*/{load_settings().scan_minutes} * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def scan_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Looks for new music every SOUNDALIKE_SCAN_MINUTES."""
    if runs_under_way(context.instance, scan_job.name):
        return dg.SkipReason("the scan before is not done yet")
    return dg.RunRequest()


IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def hour() -> str:
    """Part of a request's key: what failed for the system's sake is asked for again next hour."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H")


def batch_requests(
    pending: Sequence[PendingBatch], space: str, under_way: Collection[str], this_hour: str
) -> list[dg.RunRequest]:
    """One request an hour for each batch, space and reason to run, unless it is under way."""
    return [
        dg.RunRequest(
            run_key=f"{batch.key}:{space}:{batch.since}:{this_hour}", partition_key=batch.key
        )
        for batch in pending[:MOST_REQUESTS]
        if batch.key not in under_way
    ]


def runs_under_way(instance: dg.DagsterInstance, job: str) -> list[dg.DagsterRun]:
    """The job's runs that have not ended."""
    return list(instance.get_runs(dg.RunsFilter(job_name=job, statuses=IN_PROGRESS)))


@dg.sensor(
    job=batch_job,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def sealed_batches(
    context: dg.SensorEvaluationContext,
    sessions: dg.ResourceParam[Sessions],
    model: dg.ResourceParam[Model],
) -> dg.SensorResult | dg.SkipReason:
    """Requests a run for each sealed batch that the configured model has not heard."""
    if ingest_running(sessions):
        return dg.SkipReason("`soundalike ingest` is at work in a terminal")
    end_dead_runs(context.instance, foreground=True)  # of one that was killed
    with sessions() as session:
        pending = pending_batches(session, model.space.key)
    runs = runs_under_way(context.instance, batch_job.name)
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


def following(publication: int) -> dict[str, Any]:
    """Run config of an automatic build: it gives way to what a person publishes meanwhile."""
    return {"ops": {"published_index": {"config": {"seen": publication}}}}


@dg.sensor(
    job=index_job,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def changed_library(
    context: dg.SensorEvaluationContext,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
) -> dg.RunRequest | dg.SkipReason:
    """Requests one build when the library is not what the published index holds.

    Batches that land during a build make another version, and so another request.
    """
    if ingest_running(sessions):
        return dg.SkipReason("`soundalike ingest` is at work in a terminal")
    if runs_under_way(context.instance, index_job.name):
        return dg.SkipReason("a build is under way")
    wanted = next_index(sessions, store, model.space)
    if wanted.version is None:
        return dg.SkipReason(wanted.reason)
    with sessions() as session:
        served = published(session)  # a version that comes back needs a request of its own
    seen = served.publication.id if served else 0
    return dg.RunRequest(run_key=f"{seen}:{wanted.version}:{hour()}", run_config=following(seen))


JOBS = [scan_job, batch_job, index_job]
SENSORS = [sealed_batches, changed_library]
SCHEDULES = [scan_schedule]
