"""Exact cosine search over one opened index version."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ArtifactError, SpaceMismatch
from soundalike.vectors.artifact import (
    INDEX,
    IndexManifest,
    read_manifest,
    read_tracks,
    verify_files,
)


@dataclass(frozen=True)
class Neighbour:
    """A track and its cosine similarity to the query, -1..1."""

    track_id: str
    score: float


class OpenIndex:
    """A verified, memory-mapped index version. Immutable, and safe to search from any thread."""

    def __init__(self, manifest: IndexManifest, index: Any, track_ids: list[str]) -> None:  # noqa: ANN401
        self.manifest = manifest
        self._index = index
        self._track_ids = track_ids
        self._rows = {track: row for row, track in enumerate(track_ids)}

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open after checking every byte. Raises ArtifactError if anything is not as published."""
        manifest = read_manifest(folder)
        verify_files(folder, manifest)
        index = faiss.read_index(str(folder / INDEX), faiss.IO_FLAG_MMAP_IFC)
        track_ids = read_tracks(folder)
        found = index.d, index.ntotal, len(track_ids)
        if found != (manifest.dimension, manifest.tracks, manifest.tracks):
            raise ArtifactError(
                f"{folder}: {found[0]} dimensions, {found[1]} vectors and {found[2]} tracks, "
                f"but its manifest says {manifest.dimension} and {manifest.tracks}"
            )
        return cls(manifest, index, track_ids)

    def __contains__(self, track_id: str) -> bool:
        return track_id in self._rows

    def __len__(self) -> int:
        return len(self._track_ids)

    @property
    def track_ids(self) -> list[str]:
        """In row order."""
        return self._track_ids

    def vectors(self) -> NDArray[np.float32]:
        """All of them, float32 [n, dim], in row order: a copy."""
        matrix: NDArray[np.float32] = self._index.reconstruct_n(0, len(self))
        return matrix

    def vector(self, track_id: str) -> NDArray[np.float32]:
        """The track's float32 [dim], unit length. Raises KeyError for a track not in the index."""
        vector: NDArray[np.float32] = self._index.reconstruct(self._rows[track_id])
        return vector

    def neighbours(self, track_id: str, k: int) -> list[Neighbour]:
        """The k tracks nearest to one of the index, itself left out. Raises KeyError."""
        found = self.search(self.vector(track_id), k + 1)
        return [neighbour for neighbour in found if neighbour.track_id != track_id][:k]

    def search(self, vector: NDArray[np.float32], k: int) -> list[Neighbour]:
        """The k tracks nearest to a float32 [dim] of unit length, best first, ties by id.

        Raises SpaceMismatch if it has another dimension than the index.
        """
        if vector.shape != (self.manifest.dimension,):
            raise SpaceMismatch(
                f"a query of {vector.shape} against index {self.manifest.version} of "
                f"{self.manifest.dimension} dimensions ({self.manifest.space})"
            )
        scores, rows = self._index.search(vector[None], min(k, len(self)))
        found = [
            Neighbour(self._track_ids[row], float(np.clip(score, -1.0, 1.0)))
            for score, row in zip(scores[0], rows[0], strict=True)
        ]
        return sorted(found, key=lambda neighbour: (-neighbour.score, neighbour.track_id))
