"""An opened segment: verified, mapped into memory, and shared by the versions that are open."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ArtifactError
from soundalike.vectors.artifact_files import CODES, INDEX
from soundalike.vectors.cover import Wanted
from soundalike.vectors.index.codes import SegmentCodes, StoredCodes
from soundalike.vectors.index.codes_in_file import CodesInFile
from soundalike.vectors.index.exact import StoredVectors
from soundalike.vectors.index_files import TRACKS, IndexManifest, read_tracks
from soundalike.vectors.kinds import IndexKind
from soundalike.vectors.segment_files import (
    IDS,
    ORIGINS,
    Ids,
    SegmentManifest,
    map_ids,
    map_origins,
)


@dataclass(frozen=True, eq=False)
class Segment:
    """Vectors, codes (None without) and track ids, row by row.

    `manifest` and `origins` are None for a version that was built before there were segments, which
    is opened as one.
    """

    vectors: StoredVectors
    codes: SegmentCodes | None
    ids: Ids
    manifest: SegmentManifest | None = None
    origins: NDArray[np.void] | None = None

    @property
    def name(self) -> str | None:
        """The segment's name."""
        return self.manifest.name if self.manifest else None

    def alive(self, wanted: Wanted) -> NDArray[np.int64] | None:
        """The rows that a version has, int64 [m] ascending; None for all."""
        if self.manifest is None or self.origins is None:
            return None
        lost: list[tuple[int, list[int] | None]] = []
        for number, (key, batch) in enumerate(self.manifest.batches.items()):
            without = wanted.without(key, batch)
            if without is None or len(without) > len(batch.left_out):
                gone = None if without is None else sorted(without.difference(batch.left_out))
                lost.append((number, gone))
        if not lost:
            return None
        batches, rows = self.origins["batch"], self.origins["row"]
        kept = np.ones(len(self.ids), bool)
        for number, gone in lost:
            of_batch = batches == number
            kept &= ~(of_batch if gone is None else of_batch & np.isin(rows, gone))
        return np.flatnonzero(kept)


def open_segment(
    folder: Path,
    manifest: SegmentManifest,
    kind: IndexKind,
    *,
    private: bool = False,
    trusted: bool = False,
    codes_in_memory: bool = True,
) -> Segment:
    """Open a segment after verifying every byte. Raises ArtifactError if it is damaged.

    `private` and `trusted` are those of ArtifactFiles.opened; its codes are of `kind`, and read for
    each search if not `codes_in_memory`.
    """
    read_codes = StoredCodes.read if codes_in_memory else CodesInFile
    label = f"segment {manifest.name}"
    with manifest.files_in(folder).opened(private=private, trusted=trusted) as files:
        try:
            vectors = StoredVectors.map(files[INDEX])
            codes = read_codes(files[CODES], kind) if kind.has_codes else None
        except (RuntimeError, AttributeError) as error:  # intact, but not such an index
            raise ArtifactError(f"{label} holds no index of kind {kind.name}: {error}") from error
        ids = map_ids(files[IDS], manifest.id_bytes)
        origins = map_origins(files[ORIGINS])
    shapes = {(vectors.count, vectors.dimension), (len(ids), vectors.dimension)}
    shapes |= {codes.shape} if codes else set()
    if shapes != {(manifest.tracks, manifest.dimension)} or len(origins) != len(ids):
        raise ArtifactError(f"{label}: its files have other numbers of rows than its manifest")
    if not trusted and not (ids[:-1] < ids[1:]).all():
        raise ArtifactError(f"{label}: tracks are not in the order of their ids")
    return Segment(vectors, codes, ids, manifest, origins)


def open_as_segment(folder: Path, manifest: IndexManifest, *, private: bool = False) -> Segment:
    """Open a version that was built before there were segments. Raises ArtifactError as above."""
    kind = manifest.built_as
    with manifest.files_in(folder).opened(private=private) as files:
        track_ids = read_tracks(files[TRACKS])
        try:
            vectors = StoredVectors.map(files[INDEX])
            codes = StoredCodes.read(files[CODES], kind) if kind.has_codes else None
        except (RuntimeError, AttributeError) as error:  # intact, but not such an index
            raise ArtifactError(
                f"{folder.name} holds no index of kind {kind.name}: {error}"
            ) from error
    shapes = {(vectors.count, vectors.dimension), (len(track_ids), vectors.dimension)}
    shapes |= {codes.shape} if codes else set()
    if shapes != {(manifest.tracks, manifest.dimension)}:
        raise ArtifactError(
            f"index {folder.name}: {vectors.dimension} dimensions, {vectors.count} vectors and "
            f"{len(track_ids)} tracks, but its manifest says {manifest.dimension} "
            f"and {manifest.tracks}"
        )
    if any(before >= after for before, after in pairwise(track_ids)):
        raise ArtifactError(f"index {folder.name}: tracks are not in the order of their ids")
    return Segment(vectors, codes, np.array([track.encode() for track in track_ids]))
