"""The cache of index versions that were fetched from a bucket, of bounded size.

The processes of a machine share it. Each holds the version that it serves, which is never removed;
the one that was served before stays too, as long as there is room.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from soundalike.errors import ArtifactError, StorageError
from soundalike.storage.atomic import is_temporary, remove_folder
from soundalike.storage.disk_space import MIN_FREE_BYTES
from soundalike.storage.layout import ArtifactStore
from soundalike.storage.locks import exclusive, open_lock, try_exclusive
from soundalike.vectors.index_files import read_manifest, verify_segments

KEPT_VERSIONS = 2
TEMPORARY = re.compile(r"\.[0-9a-f]+\.\d+-[0-9a-f]+\.tmp")  # as storage/atomic.py names them

log = structlog.get_logger()


class IndexCache:
    """The versions, segments and maps below the folder of a store of copies."""

    def __init__(self, copies: ArtifactStore, max_bytes: float) -> None:
        """Keep at most so many bytes."""
        self._copies, self._max_bytes = copies, max_bytes
        self._held: int | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only process that fetches or removes, waiting for that if need be."""
        self._copies.root.mkdir(parents=True, exist_ok=True)
        with exclusive(self._lock):
            yield

    def hold(self, version: str | None) -> None:
        """Hold this version, which is served from now on, instead of the one before.

        None if what is served is not of the cache. Then versions that are not kept are removed,
        unless another process fetches or removes right now.
        """
        before, self._held = self._held, None
        if version is not None:
            self._held = os.open(self._copies.index(version), os.O_RDONLY)
            fcntl.flock(self._held, fcntl.LOCK_SH)
            os.utime(self._held)
        if before is not None:
            os.close(before)
        if self._copies.root.is_dir():
            self._remove_old()

    def close(self) -> None:
        """Let go of the version that is held."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def make_room(self, size: int, segments: Collection[str]) -> None:
        """Remove versions that nobody holds, those used last at last, until so much has room.

        The segments that are wanted stay. Call it under `locked`. Raises StorageError if there is
        no room.
        """
        self._remove_temporaries()
        for old in [*self._by_use(), None]:
            used = sum(path.lstat().st_size for path in self._copies.root.rglob("*"))
            if used + size <= self._max_bytes:
                break
            if old is None:
                raise StorageError(
                    f"{size / 1e9:.3g} GB are to be fetched, and the cache has no room for them "
                    f"beside what is served: raise SOUNDALIKE_CACHE_GIGABYTES"
                )
            self._evict(old)
            self._remove_unnamed(segments)
        free = shutil.disk_usage(self._copies.root).free
        if free < size + MIN_FREE_BYTES:
            raise StorageError(
                f"{size / 1e9:.3g} GB are to be fetched, and the disk of the cache has "
                f"{free / 1e9:.3g} GB: free some space"
            )

    def remove_damaged(self, version: str) -> None:
        """Remove what is damaged of a version, and its manifest, so that it is fetched again."""
        folder = self._copies.index(version)
        with self.locked():
            for name in _named(folder):
                try:
                    verify_segments(self._copies.segments, [name])
                except ArtifactError:
                    _remove(self._copies.segments / name)
            _remove(folder)

    @property
    def _lock(self) -> Path:
        return self._copies.root / "lock"

    def _by_use(self) -> list[str]:
        """Return the versions; the one that was served last is the last."""
        folders = [path for path in _entries(self._copies.indexes) if not is_temporary(path)]
        return [path.name for path in sorted(folders, key=lambda path: path.stat().st_mtime_ns)]

    def _remove_old(self) -> None:
        descriptor = open_lock(self._lock)
        try:
            if try_exclusive(descriptor):
                for old in self._by_use()[:-KEPT_VERSIONS]:
                    self._evict(old)
                self._remove_unnamed(())
        finally:
            os.close(descriptor)

    def _evict(self, version: str) -> None:
        """Remove a version, unless a process holds it."""
        descriptor = os.open(self._copies.index(version), os.O_RDONLY)
        try:
            if try_exclusive(descriptor):
                _remove(self._copies.index(version))
                log.info("index.evicted", version=version)
        finally:
            os.close(descriptor)

    def _remove_unnamed(self, wanted: Collection[str]) -> None:
        """Remove segments that no version names and that are not wanted, and maps of no version."""
        versions = self._by_use()
        named = {name for version in versions for name in _named(self._copies.index(version))}
        for path in _entries(self._copies.segments):
            if path.name not in named.union(wanted) and not is_temporary(path):
                _remove(path)
        for path in _entries(self._copies.maps):
            if path.name not in versions and not is_temporary(path):
                _remove(path)

    def _remove_temporaries(self) -> None:
        """Remove what a process left that was killed in a download."""
        for parent in (self._copies.segments, self._copies.indexes, self._copies.maps):
            for path in _entries(parent):
                if TEMPORARY.fullmatch(path.name):
                    _remove(path)


def _named(folder: Path) -> list[str]:
    """Return the segments that a version names; none if its manifest is damaged."""
    with suppress(ArtifactError):
        return read_manifest(folder).segments
    return []


def _entries(folder: Path) -> list[Path]:
    return [*folder.iterdir()] if folder.is_dir() else []


def _remove(folder: Path) -> None:
    with suppress(FileNotFoundError):
        remove_folder(folder)
