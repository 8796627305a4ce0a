"""Files of index artifacts, whose hashes a manifest holds: read, opened and verified by it."""

import errno
import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict

from soundalike.errors import ArtifactError, UnreadableArtifact
from soundalike.storage.atomic import sha256_of
from soundalike.storage.disk_space import DAMAGED_ERRNOS
from soundalike.storage.private_copy import (
    ChangedFile,
    open_private,
    open_regular,
    open_sized,
    open_verified,
)

INDEX, CODES, MANIFEST = "index.faiss", "codes.faiss", "manifest.json"
AGAIN = "`soundalike ingest`, or materialising faiss_index, builds it again"


class Check(BaseModel):
    """One check: its name, whether it passed, and the measured values."""

    model_config = ConfigDict(frozen=True)
    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class ArtifactFiles:
    """The files of an artifact, called `label` in messages, with what is recorded of each.

    `sha256` and `sizes` are by name; manifests of older releases have no sizes.
    """

    label: str
    folder: Path
    sha256: Mapping[str, str]
    sizes: Mapping[str, int] = field(default_factory=dict)

    @contextmanager
    def opened(
        self, *, private: bool = False, trusted: bool = False
    ) -> Iterator[dict[str, BinaryIO]]:
        """Open each file, verified, until the block ends; or private copies of them.

        Reading every byte also warms the page cache, which a memory-mapped index needs. Of trusted
        files, which were verified before, only the size is looked at. Raises ArtifactError if a
        file is missing, damaged or cannot be read.
        """
        files: dict[str, BinaryIO] = {}
        open_file = open_private if private else open_sized if trusted else open_verified
        with ExitStack() as stack:
            for name, sha256 in self.sha256.items():
                with self._refused(name):
                    path, size = self.folder / name, self.sizes.get(name)
                    files[name] = stack.enter_context(open_file(path, sha256, size))
            yield files

    def verify(self, hash_of: Callable[[Path], str] = sha256_of) -> None:
        """Verify that each file has its recorded SHA-256.

        Raises ArtifactError if a file is missing, damaged or cannot be read.
        """
        for name, sha256 in self.sha256.items():
            with self._refused(name), open_regular(self.folder / name):  # a pipe would block
                whole = hash_of(self.folder / name) == sha256
            if not whole:
                raise self.damaged(name, f"is damaged: its SHA-256 is not the one in {MANIFEST}")

    def verify_sizes(self) -> None:
        """Verify that each file is there with its recorded size. Raises ArtifactError."""
        with self.opened(trusted=True):
            pass

    def read(self, name: str, sha256: str | None = None) -> bytes:
        """Read a file, whose SHA-256 may be recorded elsewhere. Raises ArtifactError."""
        with self._refused(name), open_regular(self.folder / name) as file:
            content = file.read()
        if sha256 not in (None, hashlib.sha256(content).hexdigest()):
            raise self.damaged(name, "is not as it was written")
        return content

    def changed_at(self, name: str) -> int:
        """Return when a file was written last, in ns. Raises ArtifactError as `read` does."""
        with self._refused(name):
            return (self.folder / name).stat().st_mtime_ns

    def damaged(self, name: str, problem: str) -> ArtifactError:
        """Return the error of a file with that problem.

        It is named without the data root's path, which clients of the API may not see.
        """
        return ArtifactError(f"{self.label}: {name} {problem}; {AGAIN}")

    @contextmanager
    def _refused(self, name: str) -> Iterator[None]:
        """Raise what goes wrong with a file in the block as an ArtifactError."""
        try:
            yield
        except ChangedFile as error:
            raise self.damaged(name, str(error)) from error
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self.damaged(name, "is missing") from error
        except OSError as error:
            problem = f"cannot be read: {os.strerror(error.errno or errno.EIO).lower()}"
            if error.errno in DAMAGED_ERRNOS:
                raise self.damaged(name, problem) from error
            raise UnreadableArtifact(
                f"{self.label}: {name} {problem}; check its permissions"
            ) from error


def hashes(folder: Path, names: Collection[str]) -> dict[str, str]:
    """The SHA-256 of each of these files."""
    return {name: sha256_of(folder / name) for name in names}


def sizes(folder: Path, names: Collection[str]) -> dict[str, int]:
    """The bytes of each of these files."""
    return {name: (folder / name).stat().st_size for name in names}
