"""The asset `faiss_index`: the candidate index over every embedded track of the library.

Only what Dagster needs is defined here; the stage is soundalike/ingest/build_index.py.
"""

import dagster as dg

from pipelines.assets.embeddings import embeddings
from pipelines.metadata import index_metadata
from pipelines.resources import Model
from pipelines.retries import transient_errors_retried
from soundalike.catalog.engine import Sessions
from soundalike.ingest.build_index import build_index
from soundalike.ingest.reports import Reports
from soundalike.settings import load_settings
from soundalike.storage.layout import ArtifactStore


@dg.asset(deps=[embeddings], group_name="index", kinds={"faiss"}, pool="index")
def faiss_index(
    context: dg.AssetExecutionContext,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
    reports: dg.ResourceParam[Reports],
) -> dg.MaterializeResult[None]:
    """Builds a candidate index from all batches' embeddings; it is not served until published."""
    with transient_errors_retried(reports):
        choice = load_settings().index_kind
        report = build_index(sessions, store, model.space, choice, context.run_id)
    reports.add(report)
    return dg.MaterializeResult(metadata=index_metadata(report))
