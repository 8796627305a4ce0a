"""What assets are given: thin factories over soundalike's own objects."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import dagster as dg

from soundalike.audio.sandbox import Decoders
from soundalike.catalog.engine import Sessions, open_catalog
from soundalike.embedders import load_embedder, space_for
from soundalike.embedders.base import Embedder, EmbeddingSpace
from soundalike.ingest.reports import NoReports, Reports
from soundalike.postgres import connected_database
from soundalike.progress import NoProgress, Progress
from soundalike.settings import Settings, load_settings
from soundalike.storage.layout import ArtifactStore


@dataclass(frozen=True)
class Model:
    """The model the settings name: its space at once, its weights only when first asked for."""

    settings: Settings

    @cached_property
    def space(self) -> EmbeddingSpace:
        """Raises WeightsError if the checkpoint that names the space is not there."""
        return space_for(self.settings)

    @cached_property
    def _embedder(self) -> Embedder:
        return load_embedder(self.settings)

    def load(self) -> Embedder:
        """The loaded model, the same for all that ask in this process."""
        return self._embedder


@dg.resource(description="Sessions on the catalog's Postgres; a private server where none is set.")
def sessions_resource(_: dg.InitResourceContext) -> Iterator[Sessions]:
    """Ends its connections with the run."""
    with connected_database(load_settings()) as url:
        sessions = open_catalog(url)
        yield sessions
        sessions.kw["bind"].dispose()


@dg.resource(description="The artifact store below the data root.")
def store_resource(_: dg.InitResourceContext) -> ArtifactStore:
    """Where artifacts are."""
    return ArtifactStore(load_settings().data)


@cache
def configured_model() -> Model:
    """One a process, so that several runs in it load the weights once."""
    return Model(load_settings())


@dg.resource(description="The embedding model that SOUNDALIKE_MODEL names.")
def model_resource(_: dg.InitResourceContext) -> Model:
    """Loads nothing yet."""
    return configured_model()


@dg.resource(description="Child processes that read and decode untrusted files.")
def decoders_resource(_: dg.InitResourceContext) -> Iterator[Decoders]:
    """They start with the first file and end with the run."""
    with Decoders() as decoders:
        yield decoders


@dg.resource(description="How long work shows itself.")
def progress_resource(_: dg.InitResourceContext) -> Progress:
    """Runs in the background show nothing but their results."""
    return NoProgress()


@dg.resource(description="What the stages of a run tell whoever started it.")
def reports_resource(_: dg.InitResourceContext) -> Reports:
    """Runs in the background tell nobody: their metadata is in the UI."""
    return NoReports()


RESOURCES = {
    "sessions": sessions_resource,
    "store": store_resource,
    "decoders": decoders_resource,
    "model": model_resource,
    "progress": progress_resource,
    "reports": reports_resource,
}
