"""The candidate index over every track of the library."""

import dagster as dg

from pipelines.assets.embeddings import embeddings
from pipelines.metadata import index_metadata
from pipelines.resources import Model
from pipelines.retries import transient_errors_retried
from soundalike.catalog.engine import Sessions
from soundalike.ingest.build_index import build_index
from soundalike.storage.layout import ArtifactStore


@dg.asset(deps=[embeddings], group_name="index", kinds={"faiss"}, pool="index")
def faiss_index(
    context: dg.AssetExecutionContext,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
) -> dg.MaterializeResult[None]:
    """Gathers all batches' vectors into a new version; nobody sees it until it is published."""
    with transient_errors_retried():
        report = build_index(sessions, store, model.space, context.run_id)
    return dg.MaterializeResult(metadata=index_metadata(report))
