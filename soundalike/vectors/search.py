"""An opened index version: what is in it, and questions to it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Self

import faiss
import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ArtifactError, SpaceMismatch
from soundalike.vectors import nearest
from soundalike.vectors.artifact import (
    CODES,
    INDEX,
    IndexManifest,
    read_manifest,
    read_tracks,
    verify_files,
)
from soundalike.vectors.codes import Codes
from soundalike.vectors.distribution import Distribution
from soundalike.vectors.exact import ExactVectors
from soundalike.vectors.query import Hits, Query

PROBES = 5  # tracks that must find themselves before an index is used
LEVEL = 1e-4  # how far from 1 a track's cosine with itself may be


@dataclass(frozen=True)
class Neighbour:
    """A track and its cosine similarity to the query, -1..1."""

    track_id: str
    score: float


class OpenIndex:
    """A verified, memory-mapped index version. Immutable, and safe to search from any thread.

    Rows are in track-id order, so that ties by row are ties by id.
    """

    def __init__(
        self,
        manifest: IndexManifest,
        exact: ExactVectors,
        codes: Codes | None,
        track_ids: list[str],
    ) -> None:
        self.manifest = manifest
        self.exact = exact
        self._codes = codes
        self._track_ids = track_ids
        self._rows = {track: row for row, track in enumerate(track_ids)}

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open after checking every byte. Raises ArtifactError if anything is not as published."""
        manifest = read_manifest(folder)
        verify_files(folder, manifest)
        track_ids = read_tracks(folder)
        try:
            exact = ExactVectors(faiss.read_index(str(folder / INDEX), faiss.IO_FLAG_MMAP_IFC))
            kind = manifest.built_as
            codes = Codes.open(folder / CODES, kind) if kind.has_codes else None
        except (RuntimeError, AttributeError) as error:  # whole, and no such index
            raise ArtifactError(
                f"{folder} holds no index of kind {manifest.kind}: {error}"
            ) from error
        shapes = {(exact.count, exact.dimension), (len(track_ids), exact.dimension)}
        shapes |= {codes.shape} if codes else set()
        if shapes != {(manifest.tracks, manifest.dimension)}:
            raise ArtifactError(
                f"{folder}: {exact.dimension} dimensions, {exact.count} vectors and "
                f"{len(track_ids)} tracks, but its manifest says {manifest.dimension} "
                f"and {manifest.tracks}"
            )
        if any(before >= after for before, after in pairwise(track_ids)):
            raise ArtifactError(f"{folder}: its tracks are not in the order of their ids")
        return cls(manifest, exact, codes, track_ids)

    def __contains__(self, track_id: str) -> bool:
        return track_id in self._rows

    def __len__(self) -> int:
        return len(self._track_ids)

    @property
    def track_ids(self) -> list[str]:
        """In row order."""
        return self._track_ids

    @cached_property
    def distribution(self) -> Distribution:
        """How alike tracks of this collection are."""
        return Distribution.of(self.exact)

    def rows_of(self, track_ids: Iterable[str]) -> NDArray[np.int64]:
        """Where these tracks are, ascending, each once; those not in the index are left out."""
        rows = {row for track in track_ids if (row := self._rows.get(track)) is not None}
        return np.sort(np.fromiter(rows, np.int64, len(rows)))

    def vectors(self) -> NDArray[np.float32]:
        """All of them, float32 [n, dim], in row order: a copy."""
        return self.exact.vectors()

    def vector(self, track_id: str) -> NDArray[np.float32]:
        """The track's float32 [dim], unit length. Raises KeyError for a track not in the index."""
        vector: NDArray[np.float32] = self.vectors_of([track_id])[0]
        return vector

    def vectors_of(self, track_ids: Sequence[str]) -> NDArray[np.float32]:
        """float32 [m, dim] of these tracks, in their order. Raises KeyError."""
        rows = np.array([self._rows[track] for track in track_ids], np.int64)
        return self.exact.vectors(rows)

    def neighbours(self, track_id: str, k: int) -> list[Neighbour]:
        """The k tracks nearest to one of the index, itself left out. Raises KeyError."""
        query = Query(self.vectors_of([track_id]), k, without=self.rows_of([track_id]))
        return self.named(self.answer([query])[0])

    def search(self, vector: NDArray[np.float32], k: int) -> list[Neighbour]:
        """The k tracks nearest to a float32 [dim] of unit length, best first, ties by id."""
        return self.named(self.answer([Query(vector[None], k)])[0])

    def answer(self, queries: Sequence[Query]) -> list[Hits]:
        """The hits of each query; none depends on the others.

        Raises SpaceMismatch if a vector has another dimension than the index.
        """
        for query in queries:
            for vectors in (query.like, query.against):
                if vectors.shape[1:] != (self.manifest.dimension,):
                    raise SpaceMismatch(
                        f"a query of {vectors.shape[1:]} against index {self.manifest.version} of "
                        f"{self.manifest.dimension} dimensions ({self.manifest.space})"
                    )
        return nearest.answer(queries, self.exact, self._codes)

    def gains_by_company(self, query: Query) -> bool:
        """Whether it is answered sooner together with others: only where all vectors are read."""
        return self._codes is None and query.rows is None

    def named(self, hits: Hits) -> list[Neighbour]:
        """Hits with their tracks' ids."""
        return [
            Neighbour(self._track_ids[row], float(value))
            for row, value in zip(hits.rows.tolist(), hits.values.tolist(), strict=True)
        ]

    def probe(self) -> None:
        """Ask before use. Raises ArtifactError if a track does not find itself."""
        for row in np.unique(np.linspace(0, len(self) - 1, PROBES).astype(np.int64)):
            vector = self.exact.vectors(row[None])[0]
            if self.search(vector, 1)[0].score < 1 - LEVEL:
                raise ArtifactError(
                    f"index {self.manifest.version} does not find its own track "
                    f"{self._track_ids[row]}"
                )
