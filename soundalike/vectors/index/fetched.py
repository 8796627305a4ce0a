"""Vectors that were fetched from elsewhere, to be scored as those of an index are."""

import faiss
import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.index.exact import ExactVectors, StoredVectors
from soundalike.vectors.index.rows import RowNumbers


def fetched_vectors(matrix: NDArray[np.float32]) -> ExactVectors:
    """Hold vectors, float32 [n, dim], by their positions."""
    index = faiss.IndexFlatIP(matrix.shape[1])
    index.add(np.ascontiguousarray(matrix))
    return ExactVectors(RowNumbers([np.empty(len(matrix), "S1")], [None]), [StoredVectors(index)])
