"""The one routine that scores: every cosine that anybody sees comes from here.

Two ways of summing the same products differ in the last bits, and BLAS sums one way for one query
and another for 32. So a score found in a batch is only a candidate's; the final one is computed by
faiss' pairwise inner product, always in the same order. Then a score depends on its two vectors
alone, equal vectors have equal scores, and order and ties cannot change with the load.
"""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

# From this many queries at once on faiss multiplies matrices (BLAS): 32 queries over 100 000 x 768
# take 112 ms then, and 1121 ms otherwise. By default faiss 1.14.2 and later get there too late.
BLAS_FROM_QUERIES = 4
DIMENSIONS = 768
faiss.cvar.distance_compute_blas_threshold = BLAS_FROM_QUERIES * DIMENSIONS


def write_exact(path: Path, matrix: NDArray[np.float32]) -> None:
    """Write an IndexFlatIP over float32 [n, dim], L2-normalised."""
    index = faiss.IndexFlatIP(matrix.shape[1])
    index.add(matrix)
    faiss.write_index(index, str(path))


class ExactVectors:
    """All vectors of an index, float32 [n, dim], usually memory-mapped. Safe from any thread."""

    def __init__(self, index: Any) -> None:  # noqa: ANN401 - faiss has no types
        self._index = index
        self.count, self.dimension = int(index.ntotal), int(index.d)
        self._all = np.arange(self.count)

    @property
    def margin(self) -> float:
        """How far two ways of summing may be apart: dim roundings each, of unit vectors."""
        return 2 * self.dimension * 2.0**-24

    def scores(
        self, query: NDArray[np.float32], rows: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Cosines of a unit float32 [dim] with the unit vectors of these rows, or of all rows.

        Raises IndexError for a row that is not there: faiss would read whatever lies in its place.
        """
        rows = self._all if rows is None else np.ascontiguousarray(rows, np.int64)
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < self.count:
            raise IndexError(f"rows beyond the {self.count} of the index")
        query = np.ascontiguousarray(query, np.float32)
        if query.shape != (self.dimension,):
            raise ValueError(f"a query of {query.shape} for vectors of {self.dimension}")
        found = np.empty(len(rows), np.float32)
        if not len(rows):
            return found
        self._index.compute_distance_subset(
            1, faiss.swig_ptr(query), len(rows), faiss.swig_ptr(found), faiss.swig_ptr(rows)
        )
        return np.clip(found, -1.0, 1.0, out=found)

    def candidates(
        self, queries: NDArray[np.float32], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """For each of float32 [q, dim]: scores within `margin` of the exact ones, and rows.

        Both are [q, count], best first. `count` may not be above the number of vectors.
        """
        scores, rows = self._index.search(np.ascontiguousarray(queries), count)
        return scores, rows

    def vectors(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Those rows, or all of them, as a copy: float32 [m, dim]."""
        if rows is None:
            everything: NDArray[np.float32] = self._index.reconstruct_n(0, self.count)
            return everything
        chosen: NDArray[np.float32] = self._index.reconstruct_batch(np.ascontiguousarray(rows))
        return chosen
