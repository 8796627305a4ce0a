"""The asset `embeddings`: a batch's float32 .npy, one unit vector a track.

Only what Dagster needs is defined here; the stage is soundalike/ingest/embed.py.
"""

import dagster as dg

from pipelines.assets.resampled_audio import resampled_audio
from pipelines.metadata import stage_metadata
from pipelines.partitions import batches
from pipelines.resources import Model
from pipelines.retries import transient_errors_retried
from soundalike.catalog.engine import Sessions
from soundalike.ingest.embed import embed_batch
from soundalike.ingest.reports import Reports
from soundalike.progress import Progress
from soundalike.storage.layout import ArtifactStore


@dg.asset(
    partitions_def=batches,
    deps=[resampled_audio],
    group_name="ingest",
    kinds={"pytorch", "numpy"},
    pool="model",
)
def embeddings(
    context: dg.AssetExecutionContext,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
    progress: dg.ResourceParam[Progress],
    reports: dg.ResourceParam[Reports],
) -> dg.MaterializeResult[None]:
    """Embeds each track with the configured model; existing embeddings are kept."""
    batch = context.partition_key
    with transient_errors_retried(reports):
        report = embed_batch(sessions, store, model.space, model.load, batch, progress)
    reports.add(report)
    return dg.MaterializeResult(metadata=stage_metadata(report))
