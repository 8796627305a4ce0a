"""The asset `raw_audio`: a batch's files as they are, with identity, stream and tags.

Only what Dagster needs is defined here; the stage is soundalike/ingest/identify.py.
"""

import dagster as dg

from pipelines.assets.library import library
from pipelines.metadata import stage_metadata
from pipelines.partitions import batches
from pipelines.retries import transient_errors_retried
from soundalike.audio.sandbox import Decoders
from soundalike.catalog.engine import Sessions
from soundalike.ingest.identify import identify_batch
from soundalike.ingest.reports import Reports
from soundalike.progress import Progress
from soundalike.storage.layout import ArtifactStore


@dg.asset(
    partitions_def=batches,
    deps=[library],
    group_name="ingest",
    kinds={"ffmpeg", "parquet"},
    pool="decode",
)
def raw_audio(
    context: dg.AssetExecutionContext,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    decoders: dg.ResourceParam[Decoders],
    progress: dg.ResourceParam[Progress],
    reports: dg.ResourceParam[Reports],
) -> dg.MaterializeResult[None]:
    """Reads each file of the batch once: the hash of its audio, its stream, and its tags."""
    with transient_errors_retried(reports):
        report = identify_batch(sessions, store, decoders, context.partition_key, progress)
    reports.add(report)
    return dg.MaterializeResult(metadata=stage_metadata(report))
