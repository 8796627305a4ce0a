"""The served index: open, verify, swap, search. What is published is told to it."""

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from serving.index.filter_cache import FilterCache
from serving.index.search_threads import SearchThreads
from soundalike.catalog.indexes import PublishedIndex
from soundalike.errors import ArtifactError
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore

if TYPE_CHECKING:
    from soundalike.vectors.index.open_index import OpenIndex
    from soundalike.vectors.index_files import IndexManifest
    from soundalike.vectors.queries import Hits, VectorQuery

log = structlog.get_logger()

NOT_READ_YET = "what is published is not known yet: the catalog has not been read"
NOTHING_PUBLISHED = (
    "no index is published yet: run `soundalike ingest FOLDER` with a folder of music, "
    "or materialise published_index in Dagster"
)


@dataclass(frozen=True)
class ServedIndex:
    """An opened version. A request takes it once, so that its whole answer is of one version."""

    index: "OpenIndex"
    published_at: dt.datetime
    threads: SearchThreads
    filters: FilterCache = field(default_factory=FilterCache)

    @property
    def manifest(self) -> "IndexManifest":
        """What it is and where it came from."""
        return self.index.manifest

    def __contains__(self, track_id: str) -> bool:
        return track_id in self.index

    async def search(self, queries: Sequence["VectorQuery"]) -> list["Hits"]:
        """The hits of each query, searched together with what else waits just now.

        In threads: faiss lets go of the interpreter's lock, the event loop goes on.
        """
        return await self.threads.search(self.index, queries)


def search_threads(settings: Settings) -> int:
    """Search threads per worker: one per core over all workers; more would only contend."""
    workers = 1 if settings.environment == "development" else settings.workers
    return max(1, (os.cpu_count() or 1) // workers)


class LiveIndex:
    """The one reference to the served index, and why it is not the published one, if it is not."""

    def __init__(self, store: ArtifactStore, threads: int = 1) -> None:
        self._store = store
        self.threads = SearchThreads(threads)
        self.served: ServedIndex | None = None
        self.problem: str | None = NOT_READ_YET
        self.load_failures = 0

    async def follow(self, published: PublishedIndex | None) -> None:
        """Serve what is published now.

        A version that cannot be opened is refused and the old one goes on serving; the next call
        tries it again. Not to be called twice at a time.
        """
        if published is None:
            self.problem = NOTHING_PUBLISHED
            return
        version = published.index.version
        try:
            index = await self._open(version)
        except Exception as error:  # whatever it is, the service goes on
            self._refuse(version, error)
        else:
            # The swap: one assignment. Requests under way keep the version that they took, and the
            # last of them lets go of its memory.
            if self.served is None or self.served.index is not index:
                self.served = ServedIndex(index, published.publication.published_at, self.threads)
            elif self.served.published_at != published.publication.published_at:
                self.served = replace(self.served, published_at=published.publication.published_at)
            self.problem = None

    async def _open(self, version: str) -> "OpenIndex":
        if self.served and self.served.manifest.version == version:
            return self.served.index
        index = await to_thread.run_sync(_open_verified, self._store.index(version), version)
        log.info("index loaded", version=version, tracks=len(index))
        return index

    def _refuse(self, version: str, error: Exception) -> None:
        self.load_failures += 1
        problem = f"index {version} is published but cannot be loaded: {error}"
        if problem != self.problem:  # said once, not at every attempt
            log.error("index refused", version=version, reason=str(error))
        self.problem = problem


def _open_verified(folder: Path, version: str) -> "OpenIndex":
    # OpenMP reads this when faiss loads, which is here and nowhere earlier in the service. Many
    # requests share the cores, so a search that also spreads over all of them only makes them
    # fight; and faiss.omp_set_num_threads would hold for the calling thread alone.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from soundalike.vectors.index.open_index import OpenIndex

    index = OpenIndex.open(folder)
    if index.manifest.version != version:
        raise ArtifactError(f"{folder} holds index {index.manifest.version}")
    index.probe()
    _ = index.distribution  # made now, not by the first request
    return index
