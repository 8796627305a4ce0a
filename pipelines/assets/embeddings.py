"""The asset `embeddings`: a batch's float32 .npy, one unit vector a track.

Only what Dagster needs is defined here; the stage is soundalike/ingest/embed.py.
"""

from functools import partial

import dagster as dg

from pipelines.assets.resampled_audio import resampled_audio
from pipelines.materializations import Events, each_batch
from pipelines.partitions import batches, batches_in_one_run
from pipelines.resources import Model, library_space_key
from pipelines.run_tags import tag_with_space
from pipelines.stage_config import StageConfig
from soundalike.catalog.engine import Sessions
from soundalike.ingest.embed import embed_batch
from soundalike.ingest.reports import Reports
from soundalike.progress import Progress
from soundalike.storage.layout import ArtifactStore


@dg.asset(
    partitions_def=batches,
    backfill_policy=batches_in_one_run(),
    deps=[resampled_audio],
    code_version=library_space_key(),
    group_name="ingest",
    kinds={"pytorch", "numpy"},
    pool="model",
)
def embeddings(
    context: dg.AssetExecutionContext,
    config: StageConfig,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
    progress: dg.ResourceParam[Progress],
    reports: dg.ResourceParam[Reports],
) -> Events:
    """Embeds each track with the configured model; existing embeddings are kept."""
    stage = partial(
        embed_batch,
        sessions,
        store,
        model.space,
        model.load,
        progress=progress,
        selection=config.selection,
        run_id=context.run_id,
    )
    tag_with_space(context, model.space)
    yield from each_batch(context, reports, stage, code_version=model.space.key)
