"""The file of exact vectors. Inner product is cosine on unit vectors."""

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray


def write(path: Path, matrix: NDArray[np.float32]) -> None:
    """Write an IndexFlatIP over float32 [n, dim], L2-normalised."""
    index = faiss.IndexFlatIP(matrix.shape[1])
    index.add(matrix)
    faiss.write_index(index, str(path))
