"""The segment artifact: some batches' vectors, immutable, named by the hash of its contents.

Rows are in track-id order. index.faiss has the exact vectors, codes.faiss (if it has codes) the
codes that candidates are searched by, tracks.ids the track id of each row, and origins.u32 the
batch and the row in it that each was taken from. Index versions name the segments that they share.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from soundalike.errors import ArtifactError, UnreadableArtifact
from soundalike.vectors.artifact_files import CODES, INDEX, MANIFEST, ArtifactFiles, Check

IDS, ORIGINS = "tracks.ids", "origins.u32"
NAME_DIGITS = 16
ORIGIN = np.dtype([("batch", "<u4"), ("row", "<u4")])
Ids = NDArray[np.bytes_]


class SourceBatch(BaseModel):
    """A batch in a segment: the hash and the number of rows of its .npy, and rows it left out."""

    model_config = ConfigDict(frozen=True)
    sha256: str
    rows: int
    left_out: tuple[int, ...] = ()


class SegmentContents(BaseModel):
    """Everything that goes into a segment; its hash is the segment's name.

    `coding` is empty without codes, else it names what they are computed with. `id_bytes` is the
    width of an id. `batches` are in the order that origins number them in.
    """

    model_config = ConfigDict(frozen=True)
    space: str
    space_fingerprint: str
    dimension: int
    coding: str
    id_bytes: int
    batches: dict[str, SourceBatch]
    files: dict[str, str]
    sizes: dict[str, int]

    @cached_property
    def name(self) -> str:
        """The name, 16 hex digits: equal contents have equal names."""
        text = json.dumps(
            self.model_dump(include=set(SegmentContents.model_fields)), sort_keys=True
        )
        return hashlib.sha256(text.encode()).hexdigest()[:NAME_DIGITS]

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy it, without a name that was computed: the copy may have other contents."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("name", None)
        return copy

    @property
    def tracks(self) -> int:
        """The number of rows."""
        return sum(batch.rows - len(batch.left_out) for batch in self.batches.values())


class SegmentManifest(SegmentContents):
    """A segment's description: its contents, its checks, and the run that wrote it."""

    checks: list[Check]
    dagster_run_id: str | None
    created_at: dt.datetime
    digest: str = ""  # of all the rest

    def signed(self) -> Self:
        """Return the manifest with its digest."""
        text = self.model_dump_json(exclude={"digest"})
        return self.model_copy(update={"digest": hashlib.sha256(text.encode()).hexdigest()})

    @property
    def failed_checks(self) -> list[Check]:
        """The checks that failed."""
        return [check for check in self.checks if not check.passed]

    def files_in(self, folder: Path) -> ArtifactFiles:
        """The segment's files in its folder, with what is recorded of them."""
        return ArtifactFiles(f"segment {self.name}", folder, self.files, self.sizes)


def file_names(coding: str) -> tuple[str, ...]:
    """Names of the files of a segment, but for its manifest."""
    return (INDEX, CODES, IDS, ORIGINS) if coding else (INDEX, IDS, ORIGINS)


def write_rows(folder: Path, ids: Ids, origins: NDArray[np.void]) -> None:
    """Write the track id, S<width> [n], and the origin, ORIGIN [n], of each row."""
    (folder / IDS).write_bytes(ids.tobytes())
    (folder / ORIGINS).write_bytes(origins.astype(ORIGIN).tobytes())


def map_ids(file: BinaryIO, id_bytes: int) -> Ids:
    """Map an opened file of ids, S<width> [n], which stays open as long as the array."""
    return np.memmap(file, dtype=f"S{id_bytes}", mode="r")


def map_origins(file: BinaryIO) -> NDArray[np.void]:
    """Map an opened file of origins, ORIGIN [n], which stays open as long as the array."""
    return np.memmap(file, dtype=ORIGIN, mode="r")


def read_segment(folder: Path) -> SegmentManifest:
    """Read a segment's manifest. Raises ArtifactError if it is missing, or not this segment's."""
    return parse_segment(folder, _files_of(folder).read(MANIFEST))


def parse_segment(folder: Path, content: bytes) -> SegmentManifest:
    """Read the manifest of the segment that the folder is named after. Raises ArtifactError."""
    files = _files_of(folder)
    try:
        manifest = SegmentManifest.model_validate_json(content)
    except ValidationError as error:
        raise files.damaged(MANIFEST, f"is not a segment's manifest ({error})") from error
    if manifest != manifest.signed() or manifest.name != folder.name:
        raise files.damaged(MANIFEST, "is damaged: its digest or the segment's name is not its")
    return manifest


def segments_in(segments: Path, space_fingerprint: str) -> list[SegmentManifest]:
    """Return the manifests of the segments of this space that are whole, by name.

    Raises UnreadableArtifact if one may be whole, and cannot be read now.
    """
    found = []
    for name in segment_names(segments):
        try:
            manifest = _read_once(segments / name, _files_of(segments / name).changed_at(MANIFEST))
        except UnreadableArtifact:
            raise
        except ArtifactError:
            continue  # `soundalike verify` and the next build that needs it say so
        if manifest.space_fingerprint == space_fingerprint:
            found.append(manifest)
    return found


def segment_names(segments: Path) -> list[str]:
    """Return the names of the folders of segments, sorted."""
    try:
        return sorted(path.name for path in segments.iterdir() if _is_name(path.name))
    except FileNotFoundError:
        return []


def _is_name(name: str) -> bool:
    return len(name) == NAME_DIGITS and not set(name) - set("0123456789abcdef")


def _files_of(folder: Path) -> ArtifactFiles:
    return ArtifactFiles(f"segment {folder.name}", folder, {})


@lru_cache(maxsize=1024)
def _read_once(folder: Path, _mtime_ns: int) -> SegmentManifest:
    return read_segment(folder)
