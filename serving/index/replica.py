"""Copies of published versions on a machine without their files, fetched from the bucket.

They are fetched in a thread, as that may take minutes; what is served goes on meanwhile.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import structlog

from serving.index.disk_check import Stopped
from soundalike.catalog.tables import IndexVersionRow
from soundalike.errors import ArtifactError, BucketError, StorageError
from soundalike.settings import Settings
from soundalike.storage.bucket import Bucket
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.artifact_files import MANIFEST
from soundalike.vectors.index_cache import IndexCache
from soundalike.vectors.index_copies import VersionDownload
from soundalike.vectors.map_copies import fetch_map

AWAY_SECONDS = 30.0  # between attempts while the bucket does not answer
DAMAGED_SECONDS = 600.0  # what is damaged is downloaded again only now and then
MAP_SECONDS = 60.0  # between looks whether a map was drawn

log = structlog.get_logger()


class NotHere(Exception):
    """A version is not on this machine; the message says why, and clients may see it."""


class BeingFetched(NotHere):
    """A version is being downloaded."""


@dataclass(frozen=True)
class FailedDownload:
    """A version that could not be fetched, and when (monotonic time) it is tried again."""

    version: str
    error: Exception
    retry_at: float


class Replica:
    """The versions that are copied from the bucket of a store into its cache."""

    def __init__(self, store: ArtifactStore, bucket: Bucket, max_bytes: float) -> None:
        """Keep copies of at most `max_bytes` in the store's cache."""
        self._store, self._bucket, self._copies = store, bucket, store.cache
        self._cache = IndexCache(self._copies, max_bytes)
        self._thread: threading.Thread | None = None
        self._done = self._wanted = 0  # bytes of the download
        self._failed: FailedDownload | None = None
        self._map_at = 0.0
        self._stop = threading.Event()

    @classmethod
    def of(cls, store: ArtifactStore, settings: Settings) -> Self | None:
        """Return the replica of a process, if it has a bucket."""
        if store.bucket is None:
            return None
        return cls(store, store.bucket, settings.cache_gigabytes * 1e9)

    def provide(self, published: IndexVersionRow) -> ArtifactStore:
        """Return the store that has a version: the data root, or the cache.

        Raises NotHere if neither has it; it is fetched meanwhile, after a failure not at once.
        """
        version, failed = published.version, self._failed
        if store := self._store_of(version):
            return store
        if failed and failed.version != version:
            failed = None
        if failed is None or time.monotonic() >= failed.retry_at:
            self._start(self._fetch, published)
        if failed:
            raise NotHere(_public(failed.error)) from failed.error
        raise BeingFetched(
            f"it is being fetched from the bucket: {self._done / 1e6:.0f} of "
            f"{self._wanted / 1e6:.0f} MB are here"
        )

    def hold(self, version: str) -> None:
        """Keep the copy of a version, if it is one, as it is served from now on."""
        self._map_at = 0.0
        self._cache.hold(version if self._store_of(version) is self._copies else None)

    def refused(self, version: str, error: ArtifactError) -> None:
        """Fetch a copy again that turned out to be damaged, but not at once."""
        if self._store_of(version) is self._copies:
            self._fail(version, error)
            self._cache.remove_damaged(version)

    def look_for_map(self, version: str) -> None:
        """Fetch the map of a version that is served from a copy, once it is drawn."""
        if self._store_of(version) is self._copies and time.monotonic() >= self._map_at:
            self._map_at = time.monotonic() + MAP_SECONDS
            self._start(self._fetch_map, version)

    def close(self) -> None:
        """End the download, and let go of what is served."""
        self._stop.set()
        self._cache.close()

    def _store_of(self, version: str) -> ArtifactStore | None:
        for store in (self._store, self._copies):
            if (store.index(version) / MANIFEST).exists():
                return store
        return None

    def _start(self, work: Callable[..., None], argument: object) -> None:
        """Work in the thread, unless it works already."""
        if not (self._thread and self._thread.is_alive()):
            self._thread = threading.Thread(
                target=work, args=(argument,), name="replica", daemon=True
            )
            self._thread.start()

    def _fetch(self, published: IndexVersionRow) -> None:
        version, self._done = published.version, 0
        try:
            with self._cache.locked():
                if self._store_of(version) is None:  # else another worker has fetched it
                    self._download(version, published.manifest_sha256)
        except Stopped:
            pass  # the process ends, and the next one downloads again what was not whole
        except Exception as error:  # in a thread, nobody else would see it
            self._fail(version, error)
        else:
            self._failed = None

    def _download(self, version: str, sha256: str | None) -> None:
        if sha256 is None:
            raise ArtifactError(f"the manifest of index {version} was never recorded")
        started = time.monotonic()
        download = VersionDownload(self._copies, self._bucket, version, sha256)
        self._wanted = download.size
        self._cache.make_room(download.size, download.manifest.segments)
        download.fetch(self._count)
        megabytes, seconds = self._wanted / 1e6, time.monotonic() - started
        log.info("index.fetched", version=version, megabytes=megabytes, seconds=round(seconds, 1))

    def _count(self, size: int) -> None:
        self._done += size
        if self._stop.is_set():
            raise Stopped

    def _fail(self, version: str, error: Exception) -> None:
        wait = DAMAGED_SECONDS if isinstance(error, ArtifactError) else AWAY_SECONDS
        self._failed = FailedDownload(version, error, time.monotonic() + wait)

    def _fetch_map(self, version: str) -> None:
        with suppress(BucketError):  # whoever asks for the map is told that there is none
            try:
                with self._cache.locked():
                    fetch_map(self._copies, self._bucket, version)
            except ArtifactError as error:
                log.warning("map.refused", version=version, reason=str(error))


def _public(error: Exception) -> str:
    """Return the reason without URLs and folders, which clients are not told."""
    if isinstance(error, ArtifactError | StorageError):
        return str(error)
    what = "the bucket does not answer" if isinstance(error, BucketError) else "fetching it failed"
    return f"{what}; the log has the cause (`index.refused`)"
