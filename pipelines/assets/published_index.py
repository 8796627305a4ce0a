"""The asset `published_index`: the index that the API serves.

Only what Dagster needs is defined here; the stage is soundalike/ingest/publish.py.
"""

import dagster as dg
from pydantic import Field

from pipelines.assets.faiss_index import faiss_index
from pipelines.metadata import published_metadata
from pipelines.resources import Model
from pipelines.retries import transient_errors_retried
from pipelines.run_tags import tag_with_version
from soundalike.catalog.engine import Sessions
from soundalike.ingest.publish import publish
from soundalike.ingest.reports import Reports
from soundalike.settings import load_settings
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.milvus.server import Milvus


class PublishConfig(dg.Config):
    """The version to publish."""

    version: str = Field(
        default="",
        description="An older version to roll back to; empty for the one built last.",
    )
    seen: int | None = Field(
        default=None,
        description="For automation: nothing is published if a user published after this id.",
    )


@dg.asset(deps=[faiss_index], group_name="index", kinds={"postgres"}, pool="index")
def published_index(
    context: dg.AssetExecutionContext,
    config: PublishConfig,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
    reports: dg.ResourceParam[Reports],
) -> dg.MaterializeResult[None]:
    """Publishes a checked version in one transaction; the API switches to it automatically."""
    with transient_errors_retried(reports), Milvus.opened(load_settings()) as milvus:
        version = config.version or None
        manifest = publish(
            sessions, store, model.space, version, config.seen, context.run_id, milvus
        )
    reports.add(manifest)
    tag_with_version(context, manifest)
    return dg.MaterializeResult(
        metadata=published_metadata(manifest), data_version=dg.DataVersion(manifest.version)
    )
