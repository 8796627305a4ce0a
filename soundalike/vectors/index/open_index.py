"""An opened index version: its contents, and the search over it."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ArtifactError, SpaceMismatch
from soundalike.sampling import evenly
from soundalike.vectors.index import knn
from soundalike.vectors.index.codes import Codes
from soundalike.vectors.index.distribution import Distribution
from soundalike.vectors.index.exact import ExactVectors
from soundalike.vectors.index_files import (
    CODES,
    INDEX,
    TRACKS,
    IndexManifest,
    open_files,
    read_manifest,
    read_tracks,
)
from soundalike.vectors.queries import Hits, VectorQuery

PROBES = 5  # tracks that must find themselves before an index is used
SELF_TOLERANCE = 1e-4  # how far from 1 a track's cosine with itself may be


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
    def open(
        cls, folder: Path, manifest: IndexManifest | None = None, *, private: bool = False
    ) -> Self:
        """Open a version after verifying every byte. Raises ArtifactError if it is damaged.

        `manifest`: the folder's, if the caller has read it.
        `private`: from copies that no other program can change or truncate, for a process that
        goes on serving whatever becomes of the files.
        """
        manifest = manifest or read_manifest(folder)
        kind = manifest.built_as
        with open_files(folder, manifest, private=private) as files:
            track_ids = read_tracks(files[TRACKS])
            try:
                exact = ExactVectors.map(files[INDEX])
                codes = Codes.read(files[CODES], kind) if kind.has_codes else None
            except (RuntimeError, AttributeError) as error:  # intact, but not such an index
                raise ArtifactError(
                    f"{folder.name} holds no index of kind {kind.name}: {error}"
                ) from error
        shapes = {(exact.count, exact.dimension), (len(track_ids), exact.dimension)}
        shapes |= {codes.shape} if codes else set()
        if shapes != {(manifest.tracks, manifest.dimension)}:
            raise ArtifactError(
                f"index {folder.name}: {exact.dimension} dimensions, {exact.count} vectors and "
                f"{len(track_ids)} tracks, but its manifest says {manifest.dimension} "
                f"and {manifest.tracks}"
            )
        if any(before >= after for before, after in pairwise(track_ids)):
            raise ArtifactError(f"index {folder.name}: tracks are not in the order of their ids")
        return cls(manifest, exact, codes, track_ids)

    def __contains__(self, track_id: str) -> bool:
        return track_id in self._rows

    def __len__(self) -> int:
        return len(self._track_ids)

    @property
    def track_ids(self) -> list[str]:
        """The track ids in row order."""
        return self._track_ids

    @cached_property
    def distribution(self) -> Distribution:
        """The distribution of cosines between tracks of this index."""
        return Distribution.of(self.exact)

    def rows_of(self, track_ids: Iterable[str]) -> NDArray[np.int64]:
        """The rows of these tracks, int64 [m], ascending, each once; unknown ones are left out."""
        rows = {row for track in track_ids if (row := self._rows.get(track)) is not None}
        return np.sort(np.fromiter(rows, np.int64, len(rows)))

    def vector(self, track_id: str) -> NDArray[np.float32]:
        """The track's float32 [dim], unit length. Raises KeyError for a track not in the index."""
        vector: NDArray[np.float32] = self.vectors_of([track_id])[0]
        return vector

    def vectors_of(self, track_ids: Sequence[str]) -> NDArray[np.float32]:
        """The float32 [m, dim] of these tracks, in order. Raises KeyError for an unknown one."""
        rows = np.array([self._rows[track] for track in track_ids], np.int64)
        return self.exact.vectors(rows)

    def search(self, queries: Sequence[VectorQuery]) -> list[Hits]:
        """Search for the hits of each query; none depends on the others.

        Raises SpaceMismatch if a vector has another dimension than the index.
        """
        for query in queries:
            for vectors in filter(len, (query.positive, query.negative)):
                if vectors.shape[1:] != (self.manifest.dimension,):
                    raise SpaceMismatch(
                        f"a query of {vectors.shape[1:]} against index {self.manifest.version} of "
                        f"{self.manifest.dimension} dimensions ({self.manifest.space})"
                    )
        return knn.search(queries, self.exact, self._codes)

    def is_batchable(self, query: VectorQuery) -> bool:
        """Return whether the query benefits from batching: where all vectors are read."""
        return self._codes is None and query.allowed_rows is None

    def probe(self) -> None:
        """Search for a few tracks before use. Raises ArtifactError if one does not find itself."""
        for row in evenly(range(len(self)), PROBES):
            [hits] = self.search([VectorQuery(self.exact.vectors(np.array([row])), 1)])
            if hits.scores[0] < 1 - SELF_TOLERANCE:
                raise ArtifactError(
                    f"index {self.manifest.version} does not find its own track "
                    f"{self._track_ids[row]}"
                )
