"""Exact scores: every cosine that is returned to a user is computed here.

Two ways of summing the same products differ in the last bits, and BLAS sums one way for one query
and another for 32. So scores of a batch only select candidates; the final ones are computed by
faiss' pairwise inner product, always in the same order. Then a score depends on its two vectors
alone, equal vectors have equal scores, and order and ties cannot change with the load.
"""

import os
import weakref
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import Any, BinaryIO, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.index.rows import RowNumbers

# With this many queries or more, faiss multiplies matrices (BLAS): 32 queries over 100 000 x 768
# take 112 ms then, and 1121 ms otherwise. The default of faiss 1.14.2 and later is too high.
BLAS_FROM_QUERIES = 4
DIMENSIONS = 768
FLOAT = 4  # bytes
faiss.cvar.distance_compute_blas_threshold = BLAS_FROM_QUERIES * DIMENSIONS


class StoredVectors:
    """The vectors of one file, float32 [n, dim], usually memory-mapped. Safe from any thread."""

    def __init__(self, index: Any, file: BinaryIO | None = None) -> None:  # noqa: ANN401
        """Keep `file` open for as long as this object, so that other processes may share it."""
        self._index = index
        flat: Any = faiss.downcast_index(index)
        self._vectors = flat.get_xb()  # where they are, for as long as the index is there
        self._bytes = faiss.rev_swig_ptr(flat.codes.data(), flat.codes.size())
        if file:
            weakref.finalize(self, os.close, os.dup(file.fileno()))
        self.count, self.dimension = int(index.ntotal), int(index.d)

    @classmethod
    def map(cls, file: BinaryIO) -> Self:
        """Map an opened file into memory. Raises RuntimeError if it is not a faiss index."""
        mapped = faiss.read_index(f"/dev/fd/{file.fileno()}", faiss.IO_FLAG_MMAP_IFC)
        return cls(mapped, file)

    def look_up(self, rows: NDArray[np.int64]) -> None:
        """Read a byte of the vectors of these rows, int64 [m], before all of them is read.

        Where they are far apart, each is in memory pages of its own, and the processor looks up
        many pages at once then: to score 480 of 100 000 takes 113 us, otherwise 150.
        """
        self._bytes.take(rows * (self.dimension * FLOAT))

    def scores(
        self, queries: NDArray[np.float32], numbers: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Inner products of queries with vectors, pair by pair: float32 [m].

        `numbers`, int64 [m], are those of the queries, float32 [q, dim], and `rows`, int64 [m],
        those of the vectors. All must be there: faiss would read beyond its arrays.
        """
        products = np.empty(len(rows), np.float32)
        faiss.pairwise_indexed_inner_product(  # type: ignore[attr-defined]
            self.dimension,
            len(rows),
            faiss.swig_ptr(queries),
            faiss.swig_ptr(numbers),
            self._vectors,
            faiss.swig_ptr(rows),
            faiss.swig_ptr(products),
        )
        return products

    def best(
        self, queries: NDArray[np.float32], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Search for the `count` best rows for each query: float32, int64 [q, count], best first.

        `count` may not be above the number of vectors.
        """
        scores, rows = self._index.search(queries, count)
        return scores, rows

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """A copy of the vectors of these rows, int64 [m]: float32 [m, dim]."""
        chosen: NDArray[np.float32] = self._index.reconstruct_batch(rows)
        return chosen


class ExactVectors:
    """All vectors of an index version, by its rows, wherever they are. Safe from any thread."""

    def __init__(self, rows: RowNumbers, parts: Sequence[StoredVectors]) -> None:
        """Take the vectors of each segment, in the order of `rows`."""
        self._rows, self._parts = rows, parts
        self.count, self.dimension = rows.count, parts[0].dimension

    @property
    def margin(self) -> float:
        """The most that two ways of summing may differ: dim roundings each, of unit vectors."""
        return 2 * self.dimension * 2.0**-24

    def scores(
        self, query: NDArray[np.float32], rows: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Cosines of a unit float32 [dim] with the vectors of these rows, int64 [m]: float32 [m].

        None is all rows. Raises IndexError for a row out of range, and ValueError for a query of
        another shape.
        """
        self._require_shape(query)
        rows = self._chosen(rows)
        together = np.ascontiguousarray(query[None], np.float32)
        return self._cosines(together, np.zeros(len(rows), np.int64), rows, scattered=False)

    def scores_of_each(
        self, queries: Sequence[NDArray[np.float32]], rows: Sequence[NDArray[np.int64]]
    ) -> list[NDArray[np.float32]]:
        """The same for several queries, each with a few rows of its own, in one pass.

        Queries are float32 [dim] each, their rows int64 [m], and their cosines float32 [m].
        """
        for query in queries:
            self._require_shape(query)
        ends = [*accumulate(map(len, rows), initial=0)]
        numbers = np.repeat(np.arange(len(rows)), np.diff(ends))
        chosen = self._chosen(np.concatenate(rows))
        cosines = self._cosines(np.array(queries, np.float32), numbers, chosen, scattered=True)
        return [cosines[start:end] for start, end in pairwise(ends)]

    def _require_shape(self, query: NDArray[np.float32]) -> None:
        if query.shape != (self.dimension,):
            raise ValueError(f"a query of {query.shape} for vectors of {self.dimension}")

    def _cosines(
        self,
        queries: NDArray[np.float32],
        numbers: NDArray[np.int64],
        rows: NDArray[np.int64],
        *,
        scattered: bool,
    ) -> NDArray[np.float32]:
        """Cosines of queries with rows, pair by pair, by the numbers of both: float32 [m]."""
        cosines = np.empty(len(rows), np.float32)
        for number, positions, local in self._rows.split(rows):
            if scattered:
                self._parts[number].look_up(local)
            cosines[positions] = self._parts[number].scores(queries, numbers[positions], local)
        cosines.clip(-1.0, 1.0, out=cosines)
        return cosines

    def candidates(
        self, queries: NDArray[np.float32], count: int, segments: Iterable[int] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Search for the `count` best rows for each query of float32 [q, dim], or all, if fewer.

        Scores, float32 [q, count], best first, are within `margin` of the exact ones; rows are
        int64 [q, count]. `segments`: only these are read, by number.
        """
        queries = np.ascontiguousarray(queries)
        found = [
            self._rows.group([number]).best(count, partial(self._parts[number].best, queries))
            for number in (range(len(self._parts)) if segments is None else segments)
        ]
        none = np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        scores = np.concatenate([none[0], *(scores for scores, _ in found)], axis=1)
        rows = np.concatenate([none[1], *(rows for _, rows in found)], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)

    def vectors(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """A copy of the vectors of these rows, int64 [m], or of all rows: float32 [m, dim]."""
        rows = self._chosen(rows)
        copied = np.empty((len(rows), self.dimension), np.float32)
        for number, positions, local in self._rows.split(rows):
            copied[positions] = self._parts[number].vectors(local)
        return copied

    def _chosen(self, rows: NDArray[np.int64] | None) -> NDArray[np.int64]:
        if rows is None:  # made when it is needed: of millions, each worker would keep megabytes
            return np.arange(self.count)
        rows = np.ascontiguousarray(rows, np.int64)
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < self.count:
            raise IndexError(f"rows beyond the {self.count} of the index")
        return rows
