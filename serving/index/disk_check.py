"""Checks the files of the served version, which are served from private copies, on the disk.

A changed file cannot change a response, but the next start would refuse it. So an operator is told.
"""

import hashlib
import threading
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from soundalike.errors import ArtifactError
from soundalike.vectors.index_files import (
    IndexManifest,
    read_manifest,
    segments_of,
    verify_segments,
)

BYTES_PER_SECOND = 64 * 2**20  # a fraction of a core: a check must not slow searches down
BLOCK_BYTES = 2**20
EVERY_SECONDS = 3600.0  # also where no file's state changed: disks lose bits by themselves

# Of each file of each folder: name, inode, size and time.
Signature = dict[Path, tuple[tuple[str, int, int, int], ...]]


class Stopped(Exception):
    """The service is ending, and the check or the download with it."""


class DiskCheck:
    """The check of the folder of one version, which is served."""

    def __init__(
        self,
        folder: Path,
        manifest: IndexManifest,
        manifest_sha256: str | None,
        segments: Collection[str] = (),
        seen: Signature | None = None,
    ) -> None:
        """Take the files' signature as it was `seen` before they were read and found to be whole.

        Or that of now. `segments` are the names of those that are opened.
        """
        self._folder = folder
        self._segments = sorted(segments)
        self._folders = [folder, *(segments_of(folder) / name for name in self._segments)]
        self._manifest = manifest
        self._manifest_sha256 = manifest_sha256
        seen = signature(self._folders) if seen is None else seen
        self._signature = {path: seen.get(path, ()) for path in self._folders}
        self._checked = time.monotonic()
        self._problem: str | None = None
        self._stop = threading.Event()

    def problem(
        self,
        every_seconds: float = EVERY_SECONDS,
        bytes_per_second: float = BYTES_PER_SECOND,
    ) -> str | None:
        """Return the problem with the files, or None.

        Reads them again if inode, size or time of one changed since, or after `every_seconds`.
        Blocks for as long as that takes. Raises Stopped if `stop` was called.
        """
        now = signature(self._folders)
        if self._stop.is_set():
            raise Stopped
        if now == self._signature and time.monotonic() - self._checked < every_seconds:
            return self._problem
        self._problem = self._verify(bytes_per_second)
        self._signature, self._checked = now, time.monotonic()
        return self._problem

    def stop(self) -> None:
        """Let a check that is reading end at its next block."""
        self._stop.set()

    def _verify(self, bytes_per_second: float) -> str | None:
        try:
            on_disk = read_manifest(self._folder, self._manifest_sha256)
            if on_disk != self._manifest:
                return f"the folder of index {self._manifest.version} holds {on_disk.version}"

            def hash_of(path: Path) -> str:
                return self._sha256(path, bytes_per_second)

            on_disk.files_in(self._folder).verify(hash_of)
            verify_segments(segments_of(self._folder), self._segments, hash_of)
        except ArtifactError as error:
            return str(error)
        return None

    def _sha256(self, path: Path, bytes_per_second: float) -> str:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
                if self._stop.wait(len(block) / bytes_per_second):
                    raise Stopped
        return digest.hexdigest()


def signature(folders: Iterable[Path]) -> Signature:
    """Return the signature of these folders: another one, if a file was changed."""
    return {folder: _files_in(folder) for folder in folders}


def _files_in(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    found = []
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            state = path.lstat()
            found.append((path.name, state.st_ino, state.st_size, state.st_mtime_ns))
    return tuple(found)
