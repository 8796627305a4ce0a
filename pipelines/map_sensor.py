"""The sensor that has the map of a newly published index drawn, after the index is served."""

import dagster as dg

from pipelines.attempts import WorkState
from pipelines.conditions import disk_conditions
from pipelines.due_runs import request_if_due
from pipelines.jobs import map_job
from pipelines.runs import unfinished_runs
from pipelines.sensors import INGEST
from soundalike.catalog import publications
from soundalike.catalog.engine import Sessions
from soundalike.catalog.process_locks import ingest_running
from soundalike.maps.draw import has_map
from soundalike.storage.layout import ArtifactStore


@dg.sensor(
    job=map_job,
    description="Requests the map of the published index, if it has none.",
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def published_without_map(
    context: dg.SensorEvaluationContext,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
) -> dg.SensorResult | dg.SkipReason:
    """Requests the map of the published index, if it has none."""
    if ingest_running(sessions):
        return dg.SkipReason(INGEST)
    with sessions() as session:
        served = publications.published(session)
    if served is None:
        return dg.SkipReason("no index is published yet")
    version = served.index.version
    if has_map(store, version):
        return dg.SkipReason(f"the published index {version} has a map")
    if unfinished_runs(context.instance, map_job.name):
        return dg.SkipReason("a map is being drawn")
    state = WorkState(version, disk_conditions(store.root))
    return request_if_due(context, map_job.name, "map_layout", state, dg.RunRequest())
