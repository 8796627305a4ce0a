"""The index artifact, immutable under a version: a manifest that names segments and removed rows.

What goes into a version is its batches, less removed rows; segment_files.py is how that lies on the
disk. A version that was built before there were segments has files of its own beside its manifest:
index.faiss, codes.faiss and tracks.parquet.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import ArtifactError
from soundalike.storage.atomic import sha256_of
from soundalike.vectors.artifact_files import AGAIN, CODES, INDEX, MANIFEST, ArtifactFiles, Check
from soundalike.vectors.cover import Cover, Wanted, cover
from soundalike.vectors.kinds import IndexKind, KindName
from soundalike.vectors.segment_files import SegmentManifest, read_segment, segments_in

TRACKS = "tracks.parquet"
SEGMENTS = "segments"  # beside the folder of the versions


class IndexManifest(BaseModel):
    """The description of an index: its contents, and what it was built from.

    `removed` are rows of the batches that it has not. `segments` are those that held its rows when
    it was built, and stay as long as it; others that hold the same rows may be opened instead.
    `files` and `sizes` are of a version that was built before there were segments.
    """

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
    removed: dict[str, list[int]] = {}
    coding: str = ""
    segments: list[str] = []
    files: dict[str, str] = {}
    sizes: dict[str, int] = {}
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

    @property
    def wanted(self) -> Wanted:
        """The rows that its segments hold."""
        return Wanted(self.batches, self.removed, self.coding)

    def files_in(self, folder: Path) -> ArtifactFiles:
        """The version's own files, with what is recorded of them: none if it has segments."""
        names = () if self.segments else files_of(self.built_as)
        recorded = {name: self.files.get(name, "") for name in names}
        return ArtifactFiles(f"index {folder.name}", folder, recorded, self.sizes)


def version_of(
    space: EmbeddingSpace,
    kind: IndexKind,
    batches: Mapping[str, str],
    removed: Mapping[str, Collection[int]],
) -> str:
    """The version, 12 hex digits: a hash of everything that goes into an index.

    Equal inputs give equal versions. How they are divided into segments is no input.
    """
    parts = [[key, sha256, sorted(removed.get(key, ()))] for key, sha256 in sorted(batches.items())]
    text = json.dumps([space.fingerprint, kind.text, parts], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def files_of(kind: IndexKind) -> tuple[str, ...]:
    """Names of the files of a version that was built before there were segments."""
    return (INDEX, CODES, TRACKS) if kind.has_codes else (INDEX, TRACKS)


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
    files = ArtifactFiles(f"index {folder.name}", folder, {})
    return parse_manifest(folder, files.read(MANIFEST, sha256))


def parse_manifest(folder: Path, content: bytes) -> IndexManifest:
    """Read the manifest of the version in this folder. Raises ArtifactError if it is invalid."""
    files = ArtifactFiles(f"index {folder.name}", folder, {})
    try:
        return IndexManifest.model_validate_json(content)
    except ValidationError as error:
        raise files.damaged(MANIFEST, f"is not an index manifest ({error})") from error


def segments_of(folder: Path) -> Path:
    """The folder of the segments that a version's folder names."""
    return folder.parent.parent / SEGMENTS


def cover_of(folder: Path, manifest: IndexManifest, without: Collection[str] = ()) -> Cover:
    """Choose the segments to open for a version, but for those `without`."""
    available = [
        each
        for each in segments_in(segments_of(folder), manifest.space_fingerprint)
        if each.name not in without
    ]
    named = [each for each in available if each.name in manifest.segments]
    return cover(available, manifest.wanted, named)


def named_segments(folder: Path, manifest: IndexManifest) -> list[SegmentManifest]:
    """Read the manifests of the segments that a version names. Raises ArtifactError."""
    return [read_segment(segments_of(folder) / name) for name in manifest.segments]


def verify_files(
    folder: Path,
    manifest: IndexManifest,
    hash_of: Callable[[Path], str] = sha256_of,
    trusted: Collection[str] = (),
) -> None:
    """Verify that each file of the version and of its segments has its recorded SHA-256.

    Of `trusted` segments, which were verified before, only the sizes are looked at. Raises
    ArtifactError if a file is missing, damaged or cannot be read.
    """
    manifest.files_in(folder).verify(hash_of)
    verify_segments(segments_of(folder), manifest.segments, hash_of, trusted)


def verify_segments(
    segments: Path,
    names: Iterable[str],
    hash_of: Callable[[Path], str] = sha256_of,
    trusted: Collection[str] = (),
) -> None:
    """Verify that each file of these segments has its recorded SHA-256, as `verify_files` does."""
    for name in names:
        files = read_segment(segments / name).files_in(segments / name)
        if name in trusted:
            files.verify_sizes()
        else:
            files.verify(hash_of)


def verify_version(
    folder: Path,
    manifest_sha256: str | None,
    hash_of: Callable[[Path], str] = sha256_of,
    trusted: Collection[str] = (),
) -> IndexManifest:
    """Verify that the folder holds the version that it is named after, whole; return its manifest.

    `manifest_sha256` is the recorded one, None if it is not known; `trusted` as in `verify_files`.
    Raises ArtifactError.
    """
    manifest = read_manifest(folder, manifest_sha256)
    if manifest.version != folder.name:
        raise ArtifactError(f"the folder of index {folder.name} holds {manifest.version}; {AGAIN}")
    verify_files(folder, manifest, hash_of, trusted)
    return manifest
