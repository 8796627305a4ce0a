"""The index artifact, immutable under a version.

index.faiss has the exact vectors, tracks.parquet the track of each row, codes.faiss (if the kind
has codes) the codes that candidates are searched by, and manifest.json the description of it all.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import ArtifactError
from soundalike.storage.atomic import sha256_of
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


def write_tracks(folder: Path, track_ids: list[str]) -> None:
    """Write the track id of each row."""
    pq.write_table(pa.table({"track_id": pa.array(track_ids, pa.string())}), folder / TRACKS)


def read_tracks(folder: Path) -> list[str]:
    """Read the track ids, in row order."""
    ids: list[str] = pq.read_table(folder / TRACKS).column("track_id").to_pylist()
    return ids


def write_manifest(folder: Path, manifest: IndexManifest) -> None:
    """Write the manifest into a folder that is not published yet."""
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> IndexManifest:
    """Read the manifest. Raises ArtifactError if it is missing or invalid."""
    path = folder / MANIFEST
    try:
        return IndexManifest.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} is missing; {AGAIN}") from error
    except (OSError, ValidationError) as error:
        raise ArtifactError(f"{path} is not an index manifest ({error}); {AGAIN}") from error


def verify_files(
    folder: Path, manifest: IndexManifest, hash_of: Callable[[Path], str] = sha256_of
) -> None:
    """Verify that each file has the SHA-256 that the manifest records.

    Raises ArtifactError if a file is missing or damaged. Reading every byte also warms the page
    cache, which a memory-mapped index needs.
    """
    for name in files_of(manifest.built_as):
        path = folder / name
        if not path.is_file():
            raise ArtifactError(f"{path} is missing; {AGAIN}")
        if hash_of(path) != manifest.files.get(name):
            raise ArtifactError(
                f"{path} is damaged: its SHA-256 is not the one in {MANIFEST}; {AGAIN}"
            )


def verify_version(
    folder: Path, manifest_sha256: str | None, hash_of: Callable[[Path], str] = sha256_of
) -> IndexManifest:
    """Verify that the folder holds the version that it is named after, whole; return its manifest.

    `manifest_sha256` is the recorded one, None if it is not known. Raises ArtifactError.
    """
    manifest = read_manifest(folder)
    if manifest.version != folder.name:
        raise ArtifactError(f"{folder} holds index {manifest.version}; {AGAIN}")
    if manifest_sha256 not in (None, hash_of(folder / MANIFEST)):
        raise ArtifactError(f"{folder / MANIFEST} is not as it was written; {AGAIN}")
    verify_files(folder, manifest, hash_of)
    return manifest
