"""Codes of an index version, which candidates are searched by (quantizer.py makes them)."""

from collections.abc import Sequence
from functools import cached_property, partial
from hashlib import sha256
from typing import Any, BinaryIO, Protocol, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.index.quantizer import rotation
from soundalike.vectors.index.rows import Best, RowGroup, RowNumbers
from soundalike.vectors.kinds import IndexKind

# Queries that faiss scans together, three and one: 0.18 ms each for 100 000 vectors, where one
# alone takes 0.21. More of them take no less.
SCANNED_TOGETHER = 0x13
NO_ESTIMATE = -1e30  # above what is said of rows that are missing, where probed lists held fewer
JOINED_ROWS = 16_384  # codes of segments with fewer are searched together


class SegmentCodes(Protocol):
    """The codes of one segment, by its rows, in memory or in their file."""

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of vectors and of dimensions."""

    def best(self, queries: NDArray[np.float32], count: int) -> Best:
        """Search for the `count` best rows for each unit vector of float32 [q, dim]."""


class StoredCodes:
    """An opened file of codes. Safe to search from any thread."""

    def __init__(self, index: Any) -> None:  # noqa: ANN401
        self._index = index
        self._distances = index.metric_type == faiss.METRIC_L2
        # Codes of one bit, as segments had before, are of rotated vectors.
        transforms = isinstance(index, faiss.IndexPreTransform)
        self._scanned: Any = faiss.downcast_index(index.index) if transforms else index
        self._transform: Any = (
            faiss.downcast_VectorTransform(index.chain.at(0)) if transforms else rotation(index.d)
        )
        if isinstance(self._scanned, faiss.IndexFastScan):
            self._scanned.qbs = SCANNED_TOGETHER

    @classmethod
    def read(cls, file: BinaryIO, kind: IndexKind) -> Self:
        """Read the codes into memory. Raises RuntimeError if the file is not a faiss index."""
        index = faiss.read_index(f"/dev/fd/{file.fileno()}")
        if "probes" in kind.parameters:
            faiss.extract_index_ivf(index).nprobe = kind.parameters["probes"]
        return cls(index)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Copy several with the same quantizer, the rows of one after those of the other.

        One is taken as it is.
        """
        if len(parts) == 1:
            return parts[0]
        whole = faiss.clone_index(parts[0]._index)
        for each in parts[1:]:
            whole.merge_from(faiss.clone_index(each._index))  # which is empty then
        return cls(whole)

    @property
    def is_joinable(self) -> bool:
        """Return whether there are few of them, and of a kind that can be searched with others."""
        is_product = isinstance(self._scanned, faiss.IndexPQFastScan)
        return is_product and self._index.ntotal < JOINED_ROWS

    @cached_property
    def quantizer(self) -> bytes:
        """The SHA-256 of what product codes are computed with."""
        numbers = self._transform.A, self._scanned.pq.centroids
        return sha256(b"".join(faiss.vector_to_array(each).tobytes() for each in numbers)).digest()

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of vectors and of dimensions."""
        return int(self._index.ntotal), int(self._index.d)

    def best(self, queries: NDArray[np.float32], count: int) -> Best:
        """Search for the `count` best for each unit vector of float32 [q, dim].

        Returns estimated cosines, float32 [q, count], best first, and rows. They do not depend on
        the other queries.
        """
        estimates: NDArray[np.float32]
        rows: NDArray[np.int64]
        estimates, rows = self._scanned.search(self._transformed(queries), count)
        if self._distances:
            estimates = (1 - estimates / 2).astype(np.float32, copy=False)
        return estimates, rows

    def _transformed(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Reduce or rotate float32 [q, dim] to float32 [q, reduced].

        Each value is a product of its own, so that it does not depend on the other queries: BLAS
        sums otherwise for more of them. All queries are multiplied by a row of the matrix before
        the next one is read. Raises ValueError for another dimension: faiss would read beyond.
        """
        reduced, dimension = self._transform.d_out, self._transform.d_in
        if queries.shape[1:] != (dimension,):
            raise ValueError(f"queries of {queries.shape[1:]} for codes of {dimension} dimensions")
        queries = np.ascontiguousarray(queries, np.float32)
        rows, numbers = np.indices((reduced, len(queries))).reshape(2, -1)
        products = np.empty((reduced, len(queries)), np.float32)
        faiss.pairwise_indexed_inner_product(  # type: ignore[attr-defined]
            dimension,
            products.size,
            faiss.swig_ptr(queries),
            faiss.swig_ptr(numbers),
            self._transform.A.data(),
            faiss.swig_ptr(rows),
            faiss.swig_ptr(products),
        )
        return np.ascontiguousarray(products.T)


class Codes:
    """The codes of all vectors of an index version, by its rows. Safe from any thread."""

    def __init__(self, rows: RowNumbers, parts: Sequence[SegmentCodes]) -> None:
        """Take the codes of each segment, in the order of `rows`.

        Those of small segments are copied, to be searched as one: each search by itself takes
        0.1 ms, and a library that grows has a dozen.
        """
        self._count = rows.count
        self._groups: list[tuple[RowGroup, SegmentCodes]] = []
        small: dict[bytes, list[tuple[int, StoredCodes]]] = {}
        for number, part in enumerate(parts):
            if isinstance(part, StoredCodes) and part.is_joinable:
                small.setdefault(part.quantizer, []).append((number, part))
            else:
                self._groups.append((rows.group([number]), part))
        for together in small.values():
            numbers, its_parts = zip(*together, strict=True)
            self._groups.append((rows.group(numbers), StoredCodes.joined(its_parts)))

    def candidates(
        self, queries: NDArray[np.float32], count: int
    ) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Estimated cosines to each of float32 [q, dim], best first, and their rows.

        For each query float32 [c] and int64 [c]: all rows of a higher estimate than the `count`-th,
        which depends neither on how the rows are divided into segments nor on the other queries;
        fewer where probed lists hold fewer.
        """
        found = [group.best(count, partial(part.best, queries)) for group, part in self._groups]
        [(estimates, rows), *others] = found
        if others:
            estimates = np.concatenate([estimates for estimates, _ in found], axis=1)
            rows = np.concatenate([rows for _, rows in found], axis=1)
            order = np.argsort(-estimates, axis=1)
            estimates = np.take_along_axis(estimates, order, 1)
            rows = np.take_along_axis(rows, order, 1)
        # Which of the rows that are tied with the last one are here is chance.
        worst = estimates[:, count - 1 : count] if count < self._count else NO_ESTIMATE
        sizes = (estimates > np.maximum(worst, NO_ESTIMATE)).sum(axis=1).tolist()
        return [
            (best[:size], its_rows[:size])
            for best, its_rows, size in zip(estimates, rows, sizes, strict=True)
        ]
