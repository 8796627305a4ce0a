"""The asset `resampled_audio`: a batch's canonical FLAC, 44.1 kHz mono, one file a track.

Only what Dagster needs is defined here; the stage is soundalike/ingest/resample.py.
"""

from functools import partial

import dagster as dg

from pipelines.assets.raw_audio import raw_audio
from pipelines.materializations import Events, each_batch
from pipelines.partitions import batches, batches_in_one_run
from pipelines.resources import Model
from pipelines.stage_config import StageConfig
from soundalike.audio.sandbox import Decoders
from soundalike.catalog.engine import Sessions
from soundalike.ingest.reports import Reports
from soundalike.ingest.resample import resample_batch
from soundalike.progress import Progress
from soundalike.storage.layout import ArtifactStore

CODE_VERSION = "1"  # another one makes every batch stale


@dg.asset(
    partitions_def=batches,
    backfill_policy=batches_in_one_run(),
    deps=[raw_audio],
    code_version=CODE_VERSION,
    group_name="ingest",
    kinds={"ffmpeg", "flac"},
    pool="decode",
)
def resampled_audio(
    context: dg.AssetExecutionContext,
    config: StageConfig,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    decoders: dg.ResourceParam[Decoders],
    model: dg.ResourceParam[Model],
    progress: dg.ResourceParam[Progress],
    reports: dg.ResourceParam[Reports],
) -> Events:
    """Decodes and resamples each track once, to a FLAC file named by the hash of its audio."""
    space = None if store.has_all_audio else model.space.key
    stage = partial(
        resample_batch,
        *(sessions, store, decoders),
        progress=progress,
        selection=config.selection,
        space=space,
    )
    yield from each_batch(context, reports, stage, CODE_VERSION)
