"""The asset `merged_segments`: small segments of the served index, written as one.

Only what Dagster needs is defined here; the stage is soundalike/ingest/merge.py. It has no upstream
asset: an album makes no merge due, only many of them do, so nothing that is published makes this
stale.
"""

import dagster as dg

from pipelines.metadata import merge_metadata
from pipelines.resources import Model
from pipelines.retries import transient_errors_retried
from soundalike.catalog.engine import Sessions
from soundalike.ingest.merge import merge_segments
from soundalike.storage.layout import ArtifactStore


@dg.asset(group_name="index", kinds={"faiss"}, pool="merge")
def merged_segments(
    context: dg.AssetExecutionContext,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
) -> dg.MaterializeResult[None]:
    """Merges small segments of the served index, whose answers stay the same."""
    with transient_errors_retried():
        report = merge_segments(sessions, store, model.space, context.run_id)
    return dg.MaterializeResult(metadata=merge_metadata(report))
