"""The live index: opens, verifies, swaps and searches the published version."""

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from serving.index.filter_cache import FilterCache
from serving.index.private_copy import Signature, private_copy, signature
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

NOT_READ_YET = "the published version is not known yet: the catalog has not been read"
NOTHING_PUBLISHED = (
    "no index is published yet: run `soundalike ingest FOLDER` with a folder of music, "
    "or materialise published_index in Dagster"
)


@dataclass(frozen=True)
class ServedIndex:
    """An opened index version. A request takes it once, so that its response is consistent."""

    index: "OpenIndex"
    published_at: dt.datetime
    threads: SearchThreads
    filters: FilterCache = field(default_factory=FilterCache)

    @property
    def manifest(self) -> "IndexManifest":
        """The manifest of the opened version."""
        return self.index.manifest

    def __contains__(self, track_id: str) -> bool:
        return track_id in self.index

    async def search(self, queries: Sequence["VectorQuery"]) -> list["Hits"]:
        """Search in the search threads: the hits of each query, in their order.

        Queries of other requests may be in the same batch. faiss releases the GIL, so the event
        loop keeps running. Raises Overloaded if too many queries are queued.
        """
        return await self.threads.search(self.index, queries)


def search_threads(settings: Settings) -> int:
    """Return the search threads per worker: one per core over all workers; more would contend."""
    workers = 1 if settings.environment == "development" else settings.workers
    return max(1, (os.cpu_count() or 1) // workers)


class LiveIndex:
    """The served index, and the problem if it is not the published version."""

    def __init__(self, store: ArtifactStore, threads: int = 1) -> None:
        self._store = store
        self.threads = SearchThreads(threads)
        self.served: ServedIndex | None = None
        self.problem: str | None = NOT_READ_YET
        self.load_failures = 0
        self._seen: Signature = ()
        self._is_private = False
        self._damage: tuple[Signature, ArtifactError] | None = None
        self._refused: tuple[str, str] | None = None

    async def follow(self, published: PublishedIndex | None) -> None:
        """Serve the published version, from copies of its files.

        A version that cannot be opened is refused, and the old one stays served; the next call
        tries again. So does one whose files were changed since they were copied: the copies stay
        served. Must not be called concurrently.
        """
        if published is None:
            self.problem = NOTHING_PUBLISHED
            return
        version = published.index.version
        try:
            index = await self._open(version)
        except Exception as error:  # any failure: the service keeps running
            self._refuse(version, error)
        else:
            # The swap is one assignment. Running requests keep the version that they took, and the
            # last of them frees its memory.
            if self.served is None or self.served.index is not index:
                self.served = ServedIndex(index, published.publication.published_at, self.threads)
            elif self.served.published_at != published.publication.published_at:
                self.served = replace(self.served, published_at=published.publication.published_at)
            self.problem = self._refused = None

    async def _open(self, version: str) -> "OpenIndex":
        folder = self._store.index(version)
        seen = await to_thread.run_sync(signature, folder)
        if self.served and self.served.manifest.version == version:
            if seen == self._seen:
                return self.served.index
            if not self._is_private:
                self.served = None  # its mapped files are the changed ones
        if self._damage and self._damage[0] == seen:
            raise self._damage[1]  # without reading it all again
        try:
            index, self._is_private = await to_thread.run_sync(
                _open_verified, folder, self._store.scratch, version
            )
        except ArtifactError as error:
            self._damage = seen, error
            raise
        self._seen = seen
        log.info("index.loaded", version=version, tracks=len(index))
        return index

    def _refuse(self, version: str, error: Exception) -> None:
        self.load_failures += 1
        if (refused := (version, str(error))) != self._refused:  # logged once, not every attempt
            log.error("index.refused", version=version, reason=str(error))
        self._refused = refused
        # The reason may name folders, which clients are not told.
        self.problem = (
            f"index {version} is published but cannot be opened; the log has the cause "
            "(`index.refused`), and `soundalike verify` checks its files"
        )


def _open_verified(folder: Path, scratch: Path, version: str) -> tuple["OpenIndex", bool]:
    """Open a version; return it, and whether from private copies."""
    # OpenMP reads this when faiss loads, which is here and nowhere earlier in the service. Many
    # requests share the cores, so searches that each use all of them would only contend; and
    # faiss.omp_set_num_threads would apply to the calling thread alone.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from soundalike.vectors.index.open_index import OpenIndex

    with private_copy(folder, scratch) as copies:
        index = OpenIndex.open(copies)
    if index.manifest.version != version:
        raise ArtifactError(f"{folder} holds index {index.manifest.version}")
    index.probe()
    _ = index.distribution  # computed now, not by the first request
    return index, copies != folder
