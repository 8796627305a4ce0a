"""The live index: opens, verifies, swaps and searches the published version."""

import datetime as dt
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from serving.index.disk_check import DiskCheck, Signature, Stopped
from serving.index.milvus_versions import MilvusCheck, open_in_milvus
from serving.index.replica import BeingFetched, NotHere, Replica
from serving.index.search_threads import SearchThreads
from serving.index.served_index import ServedIndex, merged_since, open_verified, signature_of
from soundalike.catalog.publications import PublishedIndex
from soundalike.cores import available_cores
from soundalike.errors import ArtifactError, MilvusError, MissingCollection, UnreadableArtifact
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.milvus.server import Milvus
from soundalike.vectors.neighbours import SearchIndex

if TYPE_CHECKING:
    from soundalike.vectors.index.open_index import OpenIndex

log = structlog.get_logger()

NOT_READ_YET = "the published version is not known yet: the catalog has not been read"
FILES_CHANGED = (
    "the index is served from a whole copy, but its files in the data root were changed; the log "
    "has the cause (`index.checked`), and `soundalike verify` checks them"
)
MILVUS_AWAY = (
    "Milvus, which is searched, does not respond, or lacks the served index; the log has the cause "
    "(`index.checked`), and `soundalike doctor` says more"
)
NOTHING_PUBLISHED = (
    "no index is published yet: run `soundalike ingest FOLDER` with a folder of music, "
    "or materialise published_index in Dagster"
)


def search_threads(settings: Settings) -> int:
    """Return the search threads per worker: one per core over all workers; more would contend."""
    workers = 1 if settings.environment == "development" else settings.workers
    return max(1, available_cores() // workers)


class LiveIndex:
    """The served index, and the problem if it is not the published version, whole on the disk."""

    def __init__(
        self,
        store: ArtifactStore,
        threads: int = 1,
        replica: Replica | None = None,
        milvus: Milvus | None = None,
    ) -> None:
        """Serve versions of this store, or of its replica; or search them in Milvus."""
        self._store = store
        self.milvus = milvus
        self._opened: OpenIndex | None = None  # what is served, unless Milvus is searched
        self._replica = replica
        self._source = store  # of the version that is served
        self.threads = SearchThreads(threads)
        self.served: ServedIndex | None = None
        self._publication_problem: str | None = NOT_READ_YET
        self._check_cause: str | None = None
        self.load_failures = 0
        self._damage: tuple[Signature, ArtifactError] | None = None
        self._refused: tuple[str, str] | None = None
        self._tried: frozenset[str] | None = None

    @property
    def problem(self) -> str | None:
        """The problem with the published version or with the served one's files, in words."""
        if self._publication_problem or self._check_cause is None:
            return self._publication_problem
        return MILVUS_AWAY if self.milvus else FILES_CHANGED

    @property
    def search_problem(self) -> str | None:
        """The problem for which no search is answered now, though an index is served."""
        return MILVUS_AWAY if self.milvus and self._check_cause else None

    async def follow(self, published: PublishedIndex | None) -> None:
        """Serve the published version.

        A version that cannot be opened is refused, and the old one stays served; the next call
        tries again. Must not be called concurrently.
        """
        if published is None:
            self._publication_problem = NOTHING_PUBLISHED
            return
        version = published.index.version
        try:
            await self._serve(published)
        except Exception as error:  # any failure: the service keeps running
            self._refuse(version, error)
        else:
            self._publication_problem = self._refused = None
        if self._replica and self.served:
            served = self.served.manifest.version
            await to_thread.run_sync(self._replica.look_for_map, served)

    async def _serve(self, published: PublishedIndex) -> None:
        version, published_at = published.index.version, published.publication.published_at
        if self.served and self.served.manifest.version == version:
            if self.served.published_at != published_at:
                self.served = replace(self.served, published_at=published_at)
            if self._opened is None:
                return
            merged = await to_thread.run_sync(merged_since, self._source, self._opened)
            if merged is None or merged == self._tried:
                return
            self._tried = merged  # once: if it is damaged, what is opened goes on
        if self.milvus:
            args = self.milvus, self._store, published.index
            self._swap(*await to_thread.run_sync(open_in_milvus, *args), published_at)
        else:
            await self._serve_files(published)

    async def _serve_files(self, published: PublishedIndex) -> None:
        version = published.index.version
        source = self._store
        if self._replica:
            source = await to_thread.run_sync(self._replica.provide, published.index)
        folder = source.index(version)
        seen = await to_thread.run_sync(signature_of, source, folder)
        if self._damage and self._damage[0] == seen:
            raise self._damage[1]  # without reading it all again
        try:
            opened = self._opened.segments if self._opened else ()
            index, disk_check = await to_thread.run_sync(
                open_verified, folder, published.index, opened
            )
        except UnreadableArtifact:
            raise
        except ArtifactError as error:
            self._damage = seen, error
            if self._replica:
                await to_thread.run_sync(self._replica.refused, version, error)
            raise
        if self._replica:
            await to_thread.run_sync(self._replica.hold, version)
        self._opened, self._source = index, source
        self._swap(index, disk_check, published.publication.published_at)

    def _swap(
        self, index: SearchIndex, check: DiskCheck | MilvusCheck, published_at: dt.datetime
    ) -> None:
        """Serve an opened version. Running requests keep the one that they took.

        The last of them frees its memory.
        """
        log.info("index.loaded", version=index.manifest.version, tracks=len(index))
        self._stop_check()
        self.served = ServedIndex(index, published_at, self.threads, check)
        self._check_cause = None

    async def check(self) -> None:
        """Compare the files of the served version with what is served, if they changed.

        Or ask Milvus whether it still has it.
        """
        served = self.served
        if served is None:
            return
        try:
            problem = await to_thread.run_sync(served.check.problem)
        except Stopped:
            return
        if served.check is not (self.served and self.served.check):
            return  # another version is served meanwhile
        if problem != self._check_cause:
            level = logging.ERROR if problem else logging.INFO
            log.log(level, "index.checked", version=served.manifest.version, problem=problem)
        self._check_cause = problem

    def close(self) -> None:
        """End the check of the served version, a download, and the connection to Milvus."""
        self._stop_check()
        if self._replica:
            self._replica.close()
        if self.milvus:
            self.milvus.close()

    def _stop_check(self) -> None:
        if self.served:
            self.served.check.stop()

    def _refuse(self, version: str, error: Exception) -> None:
        if isinstance(error, BeingFetched):
            self._publication_problem = f"index {version} is published, and not here yet: {error}"
            return
        self.load_failures += 1
        reason = str(error.__cause__ if isinstance(error, NotHere) else error)
        if (refused := (version, reason)) != self._refused:  # logged once, not every attempt
            log.error("index.refused", version=version, reason=reason)
        self._refused = refused
        if isinstance(error, NotHere):
            self._publication_problem = f"index {version} is published, but not here: {error}"
            return
        if isinstance(error, MissingCollection):
            self._publication_problem = (
                f"index {version} is published, but not in Milvus: materialise published_index"
            )
            return
        if isinstance(error, MilvusError):
            self._publication_problem = (
                f"index {version} is published, but Milvus does not respond, or refuses; the log "
                "has the cause (`index.refused`), and `soundalike doctor` says more"
            )
            return
        # The reason may name folders, which clients are not told.
        self._publication_problem = (
            f"index {version} is published but cannot be opened; the log has the cause "
            "(`index.refused`), and `soundalike verify` checks its files"
        )
