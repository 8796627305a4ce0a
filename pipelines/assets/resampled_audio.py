"""The asset `resampled_audio`: a batch's canonical FLAC, 44.1 kHz mono, one file a track.

Only what Dagster needs is defined here; the stage is soundalike/ingest/resample.py.
"""

import dagster as dg

from pipelines.assets.raw_audio import raw_audio
from pipelines.metadata import stage_metadata
from pipelines.partitions import batches
from pipelines.retries import transient_errors_retried
from soundalike.audio.sandbox import Decoders
from soundalike.catalog.engine import Sessions
from soundalike.ingest.reports import Reports
from soundalike.ingest.resample import resample_batch
from soundalike.progress import Progress
from soundalike.storage.layout import ArtifactStore


@dg.asset(
    partitions_def=batches,
    deps=[raw_audio],
    group_name="ingest",
    kinds={"ffmpeg", "flac"},
    pool="decode",
)
def resampled_audio(
    context: dg.AssetExecutionContext,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    decoders: dg.ResourceParam[Decoders],
    progress: dg.ResourceParam[Progress],
    reports: dg.ResourceParam[Reports],
) -> dg.MaterializeResult[None]:
    """Decodes and resamples each track once, to a FLAC file named by the hash of its audio."""
    with transient_errors_retried(reports):
        report = resample_batch(sessions, store, decoders, context.partition_key, progress)
    reports.add(report)
    return dg.MaterializeResult(metadata=stage_metadata(report))
