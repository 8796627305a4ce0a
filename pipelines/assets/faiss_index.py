"""The asset `faiss_index`: the candidate index over every embedded track of the library.

Only what Dagster needs is defined here; the stage is soundalike/ingest/build_index.py.
"""

from typing import cast, get_args

import dagster as dg
from pydantic import Field

from pipelines.assets.embeddings import embeddings
from pipelines.metadata import index_metadata
from pipelines.resources import Model, configured_space
from pipelines.retries import transient_errors_retried
from soundalike.catalog.engine import Sessions
from soundalike.errors import SettingsError
from soundalike.ingest.build_index import build_index
from soundalike.ingest.reports import Reports
from soundalike.settings import KindChoice, load_settings
from soundalike.storage.layout import ArtifactStore


class BuildConfig(dg.Config):
    """Options of one build."""

    kind: str = Field(
        default="",
        description="The kind of index, for this build only: auto, flat, flat+rabitq or ivf; empty "
        "for SOUNDALIKE_INDEX_KIND, to which automation goes back unless you publish this version "
        "by name. Example: flat+rabitq",
    )

    @property
    def choice(self) -> KindChoice:
        """The kind to build. Raises SettingsError if it is none."""
        if not self.kind:
            return load_settings().index_kind
        for known in get_args(KindChoice):
            if self.kind == known:
                return cast("KindChoice", known)
        known_kinds = ", ".join(get_args(KindChoice))
        raise SettingsError(f"kind: {self.kind!r} is not a kind of index; known are {known_kinds}")


@dg.asset(
    deps=[embeddings],
    code_version=configured_space(),
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
) -> dg.MaterializeResult[None]:
    """Builds a candidate index from all batches' embeddings; it is not served until published."""
    with transient_errors_retried(reports):
        report = build_index(sessions, store, model.space, config.choice, context.run_id)
    reports.add(report)
    version = dg.DataVersion(report.manifest.version)
    return dg.MaterializeResult(metadata=index_metadata(report), data_version=version)
