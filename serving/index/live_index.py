"""The live index: opens, verifies, swaps and searches the published version."""

import logging
from dataclasses import replace

import structlog
from anyio import to_thread

from serving.index.disk_check import Signature, Stopped
from serving.index.replica import BeingFetched, NotHere, Replica
from serving.index.search_threads import SearchThreads
from serving.index.served_index import ServedIndex, merged_since, open_verified, signature_of
from soundalike.catalog.publications import PublishedIndex
from soundalike.cores import available_cores
from soundalike.errors import ArtifactError, UnreadableArtifact
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore

log = structlog.get_logger()

NOT_READ_YET = "the published version is not known yet: the catalog has not been read"
FILES_CHANGED = (
    "the index is served from a whole copy, but its files in the data root were changed; the log "
    "has the cause (`index.disk_checked`), and `soundalike verify` checks them"
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
        self, store: ArtifactStore, threads: int = 1, replica: Replica | None = None
    ) -> None:
        self._store = store
        self._replica = replica
        self._source = store  # of the version that is served
        self.threads = SearchThreads(threads)
        self.served: ServedIndex | None = None
        self._publication_problem: str | None = NOT_READ_YET
        self._disk_cause: str | None = None
        self.load_failures = 0
        self._damage: tuple[Signature, ArtifactError] | None = None
        self._refused: tuple[str, str] | None = None
        self._tried: frozenset[str] | None = None

    @property
    def problem(self) -> str | None:
        """The problem with the published version or with the served one's files, in words."""
        if self._publication_problem or self._disk_cause is None:
            return self._publication_problem
        return FILES_CHANGED

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
            merged = await to_thread.run_sync(merged_since, self._source, self.served)
            if merged is None or merged == self._tried:
                return
            self._tried = merged  # once: if it is damaged, what is opened goes on
        source = self._store
        if self._replica:
            source = await to_thread.run_sync(self._replica.provide, published.index)
        folder = source.index(version)
        seen = await to_thread.run_sync(signature_of, source, folder)
        if self._damage and self._damage[0] == seen:
            raise self._damage[1]  # without reading it all again
        try:
            opened = self.served.index.segments if self.served else ()
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
        log.info("index.loaded", version=version, tracks=len(index))
        if self._replica:
            await to_thread.run_sync(self._replica.hold, version)
        self._stop_disk_check()
        # The swap is one assignment. Running requests keep the version that they took, and the
        # last of them frees its memory.
        self.served = ServedIndex(index, published_at, self.threads, disk_check)
        self._source = source
        self._disk_cause = None

    async def check_disk(self) -> None:
        """Compare the files of the served version with what is served, if they changed."""
        served = self.served
        if served is None:
            return
        try:
            problem = await to_thread.run_sync(served.disk_check.problem)
        except Stopped:
            return
        if served.disk_check is not (self.served and self.served.disk_check):
            return  # another version is served meanwhile
        if problem != self._disk_cause:
            level = logging.ERROR if problem else logging.INFO
            log.log(level, "index.disk_checked", version=served.manifest.version, problem=problem)
        self._disk_cause = problem

    def close(self) -> None:
        """End the check of the served version's files, and a download."""
        self._stop_disk_check()
        if self._replica:
            self._replica.close()

    def _stop_disk_check(self) -> None:
        if self.served:
            self.served.disk_check.stop()

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
        # The reason may name folders, which clients are not told.
        self._publication_problem = (
            f"index {version} is published but cannot be opened; the log has the cause "
            "(`index.refused`), and `soundalike verify` checks its files"
        )
