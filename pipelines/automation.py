"""When things run: jobs, the scan's schedule, and the sensors that follow the catalog.

A sensor here is a pure function of what the catalog says, and thin glue around it.
"""

from collections.abc import Sequence

import dagster as dg

from pipelines.partitions import batches
from pipelines.resources import Model
from soundalike.catalog.batches import PendingBatch, pending_batches
from soundalike.catalog.engine import Sessions, ingest_running
from soundalike.catalog.indexes import published
from soundalike.ingest.index import expected_version
from soundalike.settings import load_settings

MOST_REQUESTS = 500  # a tick has 60 s, and Dagster adds partitions in chunks of at most 1000

scan_job = dg.define_asset_job(
    "scan", selection=["library"], description="Look for new and changed music."
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
    description="Build, check and publish the index.",
)


@dg.schedule(
    job=scan_job,
    cron_schedule=f"*/{load_settings().scan_minutes} * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def scan_schedule() -> dg.RunRequest:
    """Looks for new music every SOUNDALIKE_SCAN_MINUTES."""
    return dg.RunRequest()


def batch_requests(pending: Sequence[PendingBatch], space: str) -> list[dg.RunRequest]:
    """One request for each batch, space and reason to run: asked for again it is the same one."""
    return [
        dg.RunRequest(run_key=f"{batch.key}:{space}:{batch.since}", partition_key=batch.key)
        for batch in pending[:MOST_REQUESTS]
    ]


@dg.sensor(
    job=batch_job,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def sealed_batches(
    sessions: dg.ResourceParam[Sessions], model: dg.ResourceParam[Model]
) -> dg.SensorResult | dg.SkipReason:
    """Requests a run for each sealed batch that the configured model has not heard."""
    if ingest_running(sessions):
        return dg.SkipReason("`soundalike ingest` is at work in a terminal")
    with sessions() as session:
        pending = pending_batches(session, model.space.key)
    requests = batch_requests(pending, model.space.key)
    if not requests:
        return dg.SkipReason(f"every batch is embedded in {model.space.key}")
    keys = [str(request.partition_key) for request in requests]
    return dg.SensorResult(
        run_requests=requests, dynamic_partitions_requests=[batches.build_add_request(keys)]
    )


@dg.sensor(
    job=index_job,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def changed_library(
    context: dg.SensorEvaluationContext,
    sessions: dg.ResourceParam[Sessions],
    model: dg.ResourceParam[Model],
) -> dg.RunRequest | dg.SkipReason:
    """Requests one build when the library is not what the published index holds.

    Batches that land during a build make another version, and so another request.
    """
    if ingest_running(sessions):
        return dg.SkipReason("`soundalike ingest` is at work in a terminal")
    under_way = dg.RunsFilter(job_name=index_job.name, statuses=IN_PROGRESS)
    if context.instance.get_run_records(under_way, limit=1):
        return dg.SkipReason("a build is under way")
    with sessions() as session:
        served = published(session)
    wanted = expected_version(sessions, model.space)
    if wanted is None or (served and served.index.version == wanted):
        return dg.SkipReason("the published index holds the whole library")
    if served and served.publication.by_hand:
        return dg.SkipReason(
            f"version {served.index.version} was published by hand; materialise published_index "
            "without a version to follow the library again"
        )
    return dg.RunRequest(run_key=f"{served.publication.id if served else 0}:{wanted}")


IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
JOBS = [scan_job, batch_job, index_job]
SENSORS = [sealed_batches, changed_library]
SCHEDULES = [scan_schedule]
