"""Codes of one bit a dimension, to search for candidates.

The vectors are rotated at random first. Embeddings are anisotropic, and the sign of a dimension
that is nearly constant carries no information: on vectors of 200 dimensions with a common mean and
a power-law spectrum, 200 candidates hold 84 % of the ten nearest without the rotation and 99.5 %
with it (768 dimensions: 93 % and 100 %).
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.artifact_files import CODES
from soundalike.vectors.index.rows import NO_ROW, Best, RowNumbers
from soundalike.vectors.kinds import IndexKind

ROTATION_SEED = 7
ROWS_AT_ONCE = 65_536  # a multiple of the 32 that faiss packs into a block
METRIC = faiss.METRIC_INNER_PRODUCT


@lru_cache(maxsize=4)
def rotation(dimension: int) -> Any:  # noqa: ANN401
    """The random rotation of that many dimensions, which takes 0.1 s to make for 768."""
    made = faiss.RandomRotationMatrix(dimension, dimension)
    made.init(ROTATION_SEED)
    return made


def centre_of(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of float32 [n, dim], rotated, which codes are relative to: float32 [dim]."""
    mean = matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
    rotated: NDArray[np.float32] = rotation(len(mean)).apply(mean[None])[0]
    return rotated


def centre_in(folder: Path) -> NDArray[np.float32]:
    """The centre that a segment's codes are relative to, to the bit: float32 [dim]."""
    codes: Any = faiss.read_index(str(folder / CODES))
    centre: NDArray[np.float32] = faiss.vector_to_array(codes.center)
    return centre


def write_codes(
    path: Path,
    matrix: NDArray[np.float32],
    kind: IndexKind,
    centre: NDArray[np.float32] | None = None,
) -> None:
    """Write the codes of float32 [n, dim], rows in the same order: dim / 8 + 8 bytes a vector.

    `centre` is that of `centre_of`: with the same one, a vector has the same code in any file, but
    for the last bits of its rotation, which depend on how many are rotated at once. By default it
    is that of the matrix.
    """
    dimension = matrix.shape[1]
    if kind.name == "ivf":
        _write_lists(path, matrix, kind.parameters["lists"])
        return
    codes = faiss.IndexRaBitQFastScan(dimension, METRIC)
    centre = centre_of(matrix) if centre is None else centre
    codes.train(centre[None])  # the mean of one vector
    for start in range(0, len(matrix), ROWS_AT_ONCE):  # a rotated copy of all is as large as all
        some = np.ascontiguousarray(matrix[start : start + ROWS_AT_ONCE])
        codes.add(rotation(dimension).apply(some))
    faiss.write_index(codes, str(path))


def _write_lists(path: Path, matrix: NDArray[np.float32], lists: int) -> None:
    dimension = matrix.shape[1]
    # faiss' parts do not always keep each other alive: these names do.
    quantizer = faiss.IndexFlatIP(dimension)
    inner = faiss.IndexIVFRaBitQFastScan(quantizer, dimension, lists, METRIC)
    index = faiss.IndexPreTransform(rotation(dimension), inner)
    index.train(matrix)
    index.add(matrix)
    faiss.write_index(index, str(path))


class StoredCodes:
    """An opened file of codes. Safe to search from any thread."""

    def __init__(self, index: Any) -> None:  # noqa: ANN401
        self._index = index
        # An index with lists rotates queries itself, as do those of older releases.
        self.rotates = isinstance(index, faiss.IndexPreTransform)

    @classmethod
    def read(cls, file: BinaryIO, kind: IndexKind) -> Self:
        """Read the codes into memory. Raises RuntimeError if the file is not a faiss index."""
        index = faiss.read_index(f"/dev/fd/{file.fileno()}")
        if "probes" in kind.parameters:
            faiss.extract_index_ivf(index).nprobe = kind.parameters["probes"]
        return cls(index)

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of vectors and of dimensions."""
        return int(self._index.ntotal), int(self._index.d)

    def best(self, query: NDArray[np.float32], count: int) -> Best:
        """Search for the `count` best of a float32 [1, dim], rotated if this does not rotate."""
        estimates, rows = self._index.search(query, count)
        return estimates, rows


class Codes:
    """The codes of all vectors of an index version, by its rows. Safe from any thread."""

    def __init__(self, rows: RowNumbers, parts: Sequence[StoredCodes]) -> None:
        """Take the codes of each segment, in the order of `rows`."""
        self._rows, self._parts = rows, parts

    def candidates(
        self, query: NDArray[np.float32], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Estimated cosines to a float32 [dim], best first, and their rows: float32, int64 [c].

        All rows of a higher estimate than the `count`-th, which does not depend on how the rows
        are divided into segments; fewer where the probed lists hold fewer. One query at a time:
        scanning is bound by computing, so faiss takes as long for each query of a batch, and a
        query's hits cannot depend on the others of its batch.
        """
        found = []
        rotated = None
        for number, part in enumerate(self._parts):
            if not part.rotates and rotated is None:
                rotated = rotation(len(query)).apply(query[None])
            vector = query[None] if part.rotates else rotated

            def search(asked: int, part: StoredCodes = part, vector: Any = vector) -> Best:  # noqa: ANN401
                return part.best(vector, asked)

            found.append(self._rows.best(number, count, search))
        estimates = np.concatenate([each[0] for each, _ in found])
        rows = np.concatenate([each[0] for _, each in found])
        valid = rows != NO_ROW  # none where the probed lists held fewer
        estimates, rows = estimates[valid], rows[valid]
        order = np.lexsort((rows, -estimates))
        if len(order) >= count and count < self._rows.count:
            # Which of the rows that are tied with the last one are here is chance.
            order = order[estimates[order] > estimates[order[count - 1]]]
        return estimates[order], rows[order]
