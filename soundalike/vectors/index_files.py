"""The index artifact, immutable under a version.

index.faiss has the exact vectors, tracks.parquet the track of each row, codes.faiss (if the kind
has codes) the codes that candidates are searched by, and manifest.json the description of it all.
"""

import datetime as dt
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import ArtifactError, UnreadableArtifact
from soundalike.storage.atomic import sha256_of
from soundalike.storage.disk_space import DAMAGED_ERRNOS
from soundalike.storage.private_copy import (
    ChangedFile,
    open_private,
    open_regular,
    open_verified,
)
from soundalike.vectors.kinds import IndexKind, KindName

INDEX, CODES = "index.faiss", "codes.faiss"
TRACKS, MANIFEST = "tracks.parquet", "manifest.json"
AGAIN = "`soundalike ingest`, or materialising faiss_index, builds it again"


class Check(BaseModel):
    """One check: its name, whether it passed, and the measured values."""

    model_config = ConfigDict(frozen=True)
    name: str
    passed: bool
    detail: str


class IndexManifest(BaseModel):
    """The description of an index: its contents, and what it was built from."""

    model_config = ConfigDict(frozen=True)
    version: str
    space: str
    space_fingerprint: str
    model: str
    parameters: dict[str, str | int | float]
    kind: KindName
    kind_parameters: dict[str, int]
    dimension: int
    tracks: int
    batches: dict[str, str]
    files: dict[str, str]
    sizes: dict[str, int] = {}  # bytes of each of the files; manifests of older releases have none
    checks: list[Check]
    dagster_run_id: str | None
    created_at: dt.datetime

    @property
    def built_as(self) -> IndexKind:
        """The kind with its parameters."""
        return IndexKind(self.kind, self.kind_parameters)

    @property
    def failed_checks(self) -> list[Check]:
        """The checks that failed."""
        return [check for check in self.checks if not check.passed]


def version_of(space: EmbeddingSpace, kind: IndexKind, batches: object, tracks: object) -> str:
    """The version, 12 hex digits: a hash of everything that goes into an index.

    Equal inputs give equal versions.
    """
    text = json.dumps([space.fingerprint, kind.text, batches, tracks], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def files_of(kind: IndexKind) -> tuple[str, ...]:
    """Names of the files whose hashes a manifest holds."""
    return (INDEX, CODES, TRACKS) if kind.has_codes else (INDEX, TRACKS)


def hashes_of(folder: Path, kind: IndexKind) -> dict[str, str]:
    """The SHA-256 of each of those files."""
    return {name: sha256_of(folder / name) for name in files_of(kind)}


def sizes_of(folder: Path, kind: IndexKind) -> dict[str, int]:
    """The bytes of each of those files."""
    return {name: (folder / name).stat().st_size for name in files_of(kind)}


def write_tracks(folder: Path, track_ids: list[str]) -> None:
    """Write the track id of each row."""
    pq.write_table(pa.table({"track_id": pa.array(track_ids, pa.string())}), folder / TRACKS)


def read_tracks(source: Path | BinaryIO) -> list[str]:
    """Read the track ids, in row order, of a file or an opened one."""
    ids: list[str] = pq.read_table(source).column("track_id").to_pylist()
    return ids


def write_manifest(folder: Path, manifest: IndexManifest) -> None:
    """Write the manifest into a folder that is not published yet."""
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path, sha256: str | None = None) -> IndexManifest:
    """Read the manifest. Raises ArtifactError if it is missing or invalid.

    `sha256` is the recorded one, None if it is not known.
    """
    try:
        with open_regular(folder / MANIFEST) as file:
            content = file.read()
        if sha256 not in (None, hashlib.sha256(content).hexdigest()):
            raise _damaged(folder, MANIFEST, "is not as it was written")
        return IndexManifest.model_validate_json(content)
    except ValidationError as error:
        raise _damaged(folder, MANIFEST, f"is not an index manifest ({error})") from error
    except (OSError, ChangedFile) as error:
        raise _refused(folder, MANIFEST, error) from error


@contextmanager
def open_files(
    folder: Path, manifest: IndexManifest, *, private: bool = False
) -> Iterator[dict[str, BinaryIO]]:
    """Open each file, verified, until the block ends; or private copies of them.

    Reading every byte also warms the page cache, which a memory-mapped index needs. Raises
    ArtifactError if a file is missing, damaged or cannot be read.
    """
    opened: dict[str, BinaryIO] = {}
    open_file = open_private if private else open_verified
    with ExitStack() as stack:
        for name in files_of(manifest.built_as):
            recorded = manifest.files.get(name, ""), manifest.sizes.get(name)
            try:
                opened[name] = stack.enter_context(open_file(folder / name, *recorded))
            except (OSError, ChangedFile) as error:
                raise _refused(folder, name, error) from error
        yield opened


def verify_files(
    folder: Path, manifest: IndexManifest, hash_of: Callable[[Path], str] = sha256_of
) -> None:
    """Verify that each file has the SHA-256 that the manifest records.

    Raises ArtifactError if a file is missing, damaged or cannot be read.
    """
    for name in files_of(manifest.built_as):
        path = folder / name
        try:
            with open_regular(path):  # a named pipe would block for ever
                whole = hash_of(path) == manifest.files.get(name)
        except (OSError, ChangedFile) as error:
            raise _refused(folder, name, error) from error
        if not whole:
            raise _damaged(folder, name, f"is damaged: its SHA-256 is not the one in {MANIFEST}")


def verify_version(
    folder: Path, manifest_sha256: str | None, hash_of: Callable[[Path], str] = sha256_of
) -> IndexManifest:
    """Verify that the folder holds the version that it is named after, whole; return its manifest.

    `manifest_sha256` is the recorded one, None if it is not known. Raises ArtifactError.
    """
    manifest = read_manifest(folder, manifest_sha256)
    if manifest.version != folder.name:
        raise ArtifactError(f"the folder of index {folder.name} holds {manifest.version}; {AGAIN}")
    verify_files(folder, manifest, hash_of)
    return manifest


def _damaged(folder: Path, name: str, problem: str) -> ArtifactError:
    # Named without the data root's path, which clients of the API may not see.
    return ArtifactError(f"index {folder.name}: {name} {problem}; {AGAIN}")


def _refused(folder: Path, name: str, error: OSError | ChangedFile) -> ArtifactError:
    if isinstance(error, ChangedFile):
        return _damaged(folder, name, str(error))
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return _damaged(folder, name, "is missing")
    problem = f"cannot be read: {os.strerror(error.errno or errno.EIO).lower()}"
    if error.errno in DAMAGED_ERRNOS:
        return _damaged(folder, name, problem)
    return UnreadableArtifact(f"index {folder.name}: {name} {problem}; check its permissions")
