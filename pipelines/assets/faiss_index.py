"""The asset `faiss_index`: the candidate index over every embedded track of the library.

Only what Dagster needs is defined here; the stage is soundalike/ingest/build_index.py.
"""

from typing import get_args

import dagster as dg
from pydantic import Field, TypeAdapter, ValidationError

from pipelines.assets.embeddings import embeddings
from pipelines.materializations import Events, materialization, recorded_by_us
from pipelines.metadata import index_metadata
from pipelines.resources import Model, library_space_key
from pipelines.retries import transient_errors_retried
from pipelines.run_tags import tag_with_version
from soundalike.catalog.engine import Sessions
from soundalike.errors import SettingsError
from soundalike.ingest.build_index import build_index
from soundalike.ingest.reports import Reports
from soundalike.settings import KindChoice
from soundalike.storage.layout import ArtifactStore

KIND: TypeAdapter[KindChoice] = TypeAdapter(KindChoice)


class BuildConfig(dg.Config):
    """Options of one build."""

    kind: str = Field(
        default="",
        description="The kind of index, for this build only: auto, flat or flat+pq; empty "
        "for SOUNDALIKE_INDEX_KIND, to which automation goes back unless you publish this version "
        "by name. Example: flat+pq",
    )

    def choice(self, library: KindChoice) -> KindChoice:
        """The kind to build: `library`'s if none is named. Raises SettingsError for no kind."""
        try:
            return KIND.validate_python(self.kind or library)
        except ValidationError:
            known = ", ".join(get_args(KindChoice))
            message = f"kind: {self.kind!r} is not a kind of index; known are {known}"
            raise SettingsError(message) from None


@dg.asset(
    deps=[embeddings],
    code_version=library_space_key(),
    group_name="index",
    kinds={"faiss"},
    pool="index",
)
def faiss_index(
    context: dg.AssetExecutionContext,
    config: BuildConfig,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
    reports: dg.ResourceParam[Reports],
) -> Events:
    """Builds a candidate index from all batches' embeddings; it is not served until published."""
    with transient_errors_retried(reports):
        choice = config.choice(model.settings.index_kind)
        report = build_index(sessions, store, model.space, choice, context.run_id)
    reports.add(report)
    tag_with_version(context, report.manifest)
    version, metadata = report.manifest.version, index_metadata(report)
    yield materialization(context, model.space.key, version, metadata)
    yield recorded_by_us()
