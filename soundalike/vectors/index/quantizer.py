"""Codes of two bits a dimension: the quantizer that they are computed with, and their file.

Product quantization (Jégou, Douze and Schmid, PAMI 2011), laid out for scanning from registers
(André, Kermarrec and Le Scouarnec, VLDB 2015). Vectors are first reduced to their principal
components and rotated at random there, so that every pair of dimensions carries as much and 16
centroids serve each alike. Distances are estimated, and not inner products: what an estimate is off
by grows with the distance, so it is smallest among the nearest.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from soundalike.sampling import evenly
from soundalike.vectors.artifact_files import CODES

ROTATION_SEED = 7
ROWS_AT_ONCE = 16_384  # a multiple of the 32 that faiss packs into a block
TRAINING_ROWS, MIN_TRAINING_ROWS = 20_000, 1024  # k-means wants 39 for each of 16 centroids

# Measured on made-up vectors of 200 and 768 dimensions (docs/performance.md): with 95 % of the
# variance the nearest are missing where the spectrum is flat, with fewer dimensions where steep.
VARIANCE_KEPT = 0.98
MIN_DIMENSIONS, DIMENSIONS_STEP = 128, 32
DIMENSIONS_A_CODE, CODE_BITS = 2, 4


@lru_cache(maxsize=4)
def rotation(dimension: int) -> Any:  # noqa: ANN401
    """The random rotation of that many dimensions, which takes 0.1 s to make for 768."""
    made = faiss.RandomRotationMatrix(dimension, dimension)
    made.init(ROTATION_SEED)
    return made


def train_quantizer(matrix: NDArray[np.float32]) -> Any:  # noqa: ANN401
    """Train on float32 [n, dim]; return a faiss index without vectors, which computes codes."""
    rows = evenly(range(len(matrix)), TRAINING_ROWS)
    sample = matrix[rows]
    if len(sample) < MIN_TRAINING_ROWS:  # too few to tell anything; of so few, all are read anyway
        random = np.random.default_rng(ROTATION_SEED)
        made_up = random.standard_normal((MIN_TRAINING_ROWS, matrix.shape[1]), np.float32)
        made_up /= np.linalg.norm(made_up, axis=1, keepdims=True)
        sample = np.concatenate([sample, made_up])
    reduction = _reduction(sample)
    dimensions = reduction.d_out
    codes = faiss.IndexPQFastScan(
        dimensions, dimensions // DIMENSIONS_A_CODE, CODE_BITS, faiss.METRIC_L2
    )
    quantizer = faiss.IndexPreTransform(reduction, codes)
    quantizer.train(sample)
    return faiss.clone_index(quantizer)  # which owns its parts


def _reduction(sample: NDArray[np.float32]) -> Any:  # noqa: ANN401
    """The map to the principal components that matter, rotated: from float32 [n, dim]."""
    centred = sample - sample.mean(axis=0)
    variances, directions = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    cumulated = np.cumsum(variances[::-1].clip(min=0))
    needed = int(np.searchsorted(cumulated, VARIANCE_KEPT * cumulated[-1])) + 1
    steps = -(-max(needed, MIN_DIMENSIONS) // DIMENSIONS_STEP)
    dimension, reduced = sample.shape[1], steps * DIMENSIONS_STEP
    rotated = faiss.vector_to_array(rotation(reduced).A).reshape(reduced, reduced)
    kept = directions[:, ::-1][:, :reduced]  # all of them, if there are fewer
    matrix = rotated[:, : kept.shape[1]] @ kept.T
    reduction = faiss.LinearTransform(dimension, reduced, False)
    faiss.copy_array_to_vector(matrix.astype(np.float32).ravel(), reduction.A)
    reduction.is_trained = True
    return reduction


def quantizer_in(folder: Path) -> Any:  # noqa: ANN401
    """The quantizer that a segment's codes are computed with."""
    codes: Any = faiss.read_index(str(folder / CODES))
    codes.reset()
    return codes


def write_codes(path: Path, matrix: NDArray[np.float32], quantizer: Any = None) -> None:  # noqa: ANN401
    """Write the codes of float32 [n, dim], rows in the same order.

    `quantizer` is that of `train_quantizer`: with the same one, a vector has the same code in any
    file, but for the last bits of its rotation, which depend on how many are rotated at once. By
    default it is trained on the matrix.
    """
    codes = faiss.clone_index(train_quantizer(matrix) if quantizer is None else quantizer)
    for start in range(0, len(matrix), ROWS_AT_ONCE):  # a reduced copy of all is half of them all
        codes.add(np.ascontiguousarray(matrix[start : start + ROWS_AT_ONCE]))
    faiss.write_index(codes, str(path))
