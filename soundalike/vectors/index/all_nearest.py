"""The nearest neighbours of every vector among all of them."""

import faiss
import numpy as np
from numpy.typing import NDArray


def all_nearest(
    matrix: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the squared distances and rows, [n, k] each, of each row's k nearest other rows.

    They are exact, and the same whatever the number of threads. k must be less than n.
    """
    index = faiss.IndexFlatL2(matrix.shape[1])
    index.add(matrix)
    distances, rows = index.search(matrix, k + 1)
    # Of equal vectors another row may come first, or push a row out of its own list.
    itself = rows == np.arange(len(matrix))[:, None]
    itself[~itself.any(axis=1), -1] = True
    keep = ~itself
    shape = len(matrix), k
    return distances[keep].reshape(shape), rows[keep].reshape(shape)
