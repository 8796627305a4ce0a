"""Resources of the assets: thin factories over soundalike's own objects.

What these objects do is in soundalike; the foreground has its own, in foreground/job_runner.py.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

import dagster as dg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from pipelines.launchers import spans_machines
from pipelines.run_tags import has_own_tag
from pipelines.told import WAITED_TAG, Teller, ToldProgress, ToldReports
from soundalike.audio.sandbox import Decoders
from soundalike.audio.tags.rules import TagRules
from soundalike.catalog.arithmetic import require_alike
from soundalike.catalog.engine import Sessions, open_catalog
from soundalike.catalog.library_settings import adopt, library_space, read
from soundalike.embedders import load_embedder
from soundalike.embedders.base import Embedder, EmbeddingSpace
from soundalike.errors import SoundalikeError
from soundalike.garbage_collection import importing
from soundalike.ingest.reports import LoggedReports, Reports
from soundalike.logs import configure_logs
from soundalike.postgres import connected_database, has_database
from soundalike.progress import LoggedProgress, Progress
from soundalike.settings import Settings, load_settings
from soundalike.storage.layout import ArtifactStore


@dataclass(frozen=True)
class Model:
    """The library's model, as its catalog has it when this is first asked.

    Each run and each tick has a Model of its own, so that a process that lives long notices
    `soundalike space switch`. Its space is known at once, its weights are loaded on first use.
    """

    sessions: Sessions
    must_be_alike: bool = False  # of several machines, which must make the same vectors

    @cached_property
    def settings(self) -> Settings:
        """The process's settings with the library's values where the process sets none.

        Raises SettingsError if the process sets one to another value than the library's.
        """
        return adopt(self.sessions, load_settings())

    @cached_property
    def space(self) -> EmbeddingSpace:
        """The embedding space. Raises SettingsError as `settings`, WeightsError without weights."""
        return library_space(self.sessions, self.settings)

    def load(self) -> Embedder:
        """Return the loaded model, which is loaded once a process, in whichever thread.

        Raises SettingsError if machines must be alike, and this one is not.
        """
        with _loading:
            if self.space.key not in _loaded:
                _loaded.clear()  # the memory of a model that the library no longer has
                with importing():  # torch is; what a run has by then is left out with it
                    _loaded[self.space.key] = load_embedder(self.settings)
            embedder = _loaded[self.space.key]
        if self.must_be_alike:
            from soundalike.embedders.inference.arithmetic import arithmetic_of

            require_alike(self.sessions, arithmetic_of(embedder))
        return embedder


_loaded: dict[str, Embedder] = {}  # at most one, by the key of its space
_loading = Lock()


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
    return ArtifactStore.of(load_settings())


def library_space_key() -> str | None:
    """The key of the library's embedding space, for code versions; None while there is no library.

    Read when the definitions are loaded: a code location that is loaded again follows a switch.
    """
    settings = load_settings()
    if not has_database(settings):
        return None
    with suppress(SoundalikeError, SQLAlchemyError), connected_database(settings) as url:
        sessions = open_catalog(url)
        with sessions() as session:
            row = read(session)
        sessions.kw["bind"].dispose()
        return row.space if row else None
    return None


@dg.resource(
    description="The library's embedding model and settings; `soundalike space` shows them.",
    required_resource_keys={"sessions"},
)
def model_resource(context: dg.InitResourceContext) -> Model:
    """Return the model; nothing is read or loaded yet."""
    on_several = context.instance is not None and spans_machines(context.instance)
    return Model(context.resources.sessions, must_be_alike=on_several)


@dg.resource(description="Child processes that read and decode untrusted files.")
def decoders_resource(_: dg.InitResourceContext) -> Iterator[Decoders]:
    """Yield the decoders, of which the first one starts now; they end with the run."""
    with Decoders(tag_rules=TagRules.of(load_settings())) as decoders:
        decoders.prepare()  # while Dagster begins the run
        yield decoders


def _teller(context: dg.InitResourceContext) -> Teller | None:
    """A teller of the run to whoever waits for it; None if nobody does."""
    if context.instance and context.run and has_own_tag(context.run, WAITED_TAG):
        return Teller(context.instance, context.run)
    return None


@dg.resource(description="How far a stage is, in the run's log.")
def progress_resource(context: dg.InitResourceContext) -> Progress:
    """Return a Progress that logs, as background runs have no terminal, or one that tells."""
    teller = _teller(context)
    return ToldProgress(teller) if teller else LoggedProgress()


@dg.resource(description="What the run's stages did, in its log: structured lines with its id.")
def reports_resource(context: dg.InitResourceContext) -> Iterator[Reports]:
    """Yield Reports that log. While the run lasts, each line that its process logs has its id.

    Dagster copies the lines into the run's events (`python_logs` in dagster.yaml), and keeps what
    the process writes to standard error.
    """
    configure_logs(load_settings().lowest_log_level, json=not sys.stderr.isatty())
    with structlog.contextvars.bound_contextvars(run_id=context.run_id):
        teller = _teller(context)
        yield ToldReports(teller) if teller else LoggedReports()


RESOURCES = {
    "sessions": sessions_resource,
    "store": store_resource,
    "decoders": decoders_resource,
    "model": model_resource,
    "progress": progress_resource,
    "reports": reports_resource,
}
