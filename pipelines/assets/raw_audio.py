"""The asset `raw_audio`: a batch's files as they are, with identity, stream and tags.

Only what Dagster needs is defined here; the stage is soundalike/ingest/identify.py.
"""

from functools import partial

import dagster as dg

from pipelines.assets.batch_files import batch_files
from pipelines.materializations import Events, each_batch
from pipelines.partitions import batches, batches_in_one_run
from pipelines.stage_config import StageConfig
from soundalike.audio.sandbox import Decoders
from soundalike.catalog.engine import Sessions
from soundalike.ingest.identify import identify_batch
from soundalike.ingest.reports import Reports
from soundalike.progress import Progress
from soundalike.storage.layout import ArtifactStore

CODE_VERSION = "1"  # another one makes every batch stale


@dg.asset(
    partitions_def=batches,
    backfill_policy=batches_in_one_run(),
    deps=[batch_files],
    code_version=CODE_VERSION,
    group_name="ingest",
    kinds={"ffmpeg", "parquet"},
    pool="decode",
)
def raw_audio(
    context: dg.AssetExecutionContext,
    config: StageConfig,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    decoders: dg.ResourceParam[Decoders],
    progress: dg.ResourceParam[Progress],
    reports: dg.ResourceParam[Reports],
) -> Events:
    """Reads each file of the batch once: the hash of its audio, its stream, and its tags."""
    stage = partial(
        identify_batch, sessions, store, decoders, progress=progress, selection=config.selection
    )
    yield from each_batch(context, reports, stage, CODE_VERSION)
