"""Resources of the assets: thin factories over soundalike's own objects.

What these objects do is in soundalike; the foreground's own replacements are in foreground.py.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import dagster as dg
import structlog

from soundalike.audio.sandbox import Decoders
from soundalike.catalog.engine import Sessions, open_catalog
from soundalike.embedders import load_embedder, space_for
from soundalike.embedders.base import Embedder, EmbeddingSpace
from soundalike.ingest.reports import LoggedReports, Reports
from soundalike.logs import configure_logs
from soundalike.postgres import connected_database
from soundalike.progress import LoggedProgress, Progress
from soundalike.settings import Settings, load_settings
from soundalike.storage.layout import ArtifactStore


@dataclass(frozen=True)
class Model:
    """The configured model: its space is known at once, its weights are loaded on first use."""

    settings: Settings

    @cached_property
    def space(self) -> EmbeddingSpace:
        """The embedding space. Raises WeightsError if a checkpoint that defines it is missing."""
        return space_for(self.settings)

    @cached_property
    def _embedder(self) -> Embedder:
        return load_embedder(self.settings)

    def load(self) -> Embedder:
        """Return the loaded model, which is loaded once."""
        return self._embedder


@dg.resource(
    description="Sessions on the catalog's PostgreSQL; a private server if DATABASE_URL is not set."
)
def sessions_resource(_: dg.InitResourceContext) -> Iterator[Sessions]:
    """Yield the sessions; their connections end with the run."""
    with connected_database(load_settings()) as url:
        sessions = open_catalog(url)
        yield sessions
        sessions.kw["bind"].dispose()


@dg.resource(description="The artifact store below the data root.")
def store_resource(_: dg.InitResourceContext) -> ArtifactStore:
    """Return the artifact store of the configured data root."""
    return ArtifactStore(load_settings().data)


@cache
def configured_model() -> Model:
    """Return this process's one Model, so that several runs load the weights once."""
    return Model(load_settings())


@dg.resource(description="The embedding model that SOUNDALIKE_MODEL names.")
def model_resource(_: dg.InitResourceContext) -> Model:
    """Return the model; nothing is loaded yet."""
    return configured_model()


@dg.resource(description="Child processes that read and decode untrusted files.")
def decoders_resource(_: dg.InitResourceContext) -> Iterator[Decoders]:
    """Yield the decoders, which start with the first file and end with the run."""
    with Decoders() as decoders:
        yield decoders


@dg.resource(description="How far a stage is, in the run's log.")
def progress_resource(_: dg.InitResourceContext) -> Progress:
    """Return a Progress that logs, as background runs have no terminal."""
    return LoggedProgress()


@dg.resource(description="What the run's stages did, in its log: structured lines with its id.")
def reports_resource(context: dg.InitResourceContext) -> Iterator[Reports]:
    """Yield Reports that log. While the run lasts, each line that its process logs has its id.

    Dagster copies the lines into the run's events (`python_logs` in dagster.yaml), and keeps what
    the process writes to standard error.
    """
    configure_logs(load_settings().lowest_log_level, json=not sys.stderr.isatty())
    with structlog.contextvars.bound_contextvars(run_id=context.run_id):
        yield LoggedReports()


RESOURCES = {
    "sessions": sessions_resource,
    "store": store_resource,
    "decoders": decoders_resource,
    "model": model_resource,
    "progress": progress_resource,
    "reports": reports_resource,
}
