"""Hubness (a few tracks in very many neighbour lists, others in none) and the spread of cosines.

In many dimensions some points are near to all others whatever they sound like (Radovanovic et
al., 2010); in music collections up to a third of the songs was in no list (Flexer et al., 2010).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating[Any]]
Rows = NDArray[np.intp]

BLOCK = 1000  # rows whose similarities to all are in memory at once
QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)


@dataclass(frozen=True)
class Hubness:
    """Statistics of n tracks' k-occurrence: the number of lists of k neighbours that a track is in.

    The mean k-occurrence is k. `skewness`: 0 if evenly spread; the more a few tracks dominate the
    lists, the larger. `orphans`: the share of tracks that are in no list. `largest_hub`: the share
    of lists that contain the most frequent track.
    """

    skewness: float
    orphans: float
    largest_hub: float


def nearest(vectors: Matrix, k: int) -> Rows:
    """The k rows of greatest inner product with each row of [n, dim]: int [n, min(k, n - 1)].

    A row is not its own neighbour. In no particular order.
    """
    k = min(k, len(vectors) - 1)
    neighbours = np.empty((len(vectors), k), np.intp)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK] @ vectors.T
        neighbours[start : start + BLOCK] = nearest_by(block, k, start)
    return neighbours


def nearest_by(similarity: Matrix, k: int, first: int = 0) -> Rows:
    """The neighbours, int [m, k], by similarities [m, n] of tracks to all.

    The rows are tracks `first`, `first` + 1, ... A track is not its own neighbour. In no
    particular order.
    """
    own = np.arange(len(similarity))
    without = similarity.copy()
    without[own, own + first] = -np.inf
    nearer: Rows = np.argpartition(-without, k - 1, axis=1)[:, :k]
    return nearer


def occurrences(neighbours: Rows) -> Rows:
    """Count the rows of int [n, k] that each of the n tracks is in: int [n]."""
    return np.bincount(neighbours.ravel(), minlength=len(neighbours))


def hubness(neighbours: Rows) -> Hubness:
    """Compute the hubness of every track's k neighbours, int [n, k]."""
    counts = occurrences(neighbours).astype(np.float64)
    spread = float(counts.std())
    skewness = float(((counts - counts.mean()) ** 3).mean()) / spread**3 if spread else 0.0
    return Hubness(
        skewness=skewness,
        orphans=float((counts == 0).mean()),
        largest_hub=float(counts.max() / len(counts)),
    )


def cosine_quantiles(vectors: Matrix, pairs: int = 50_000, seed: int = 0) -> NDArray[np.float64]:
    """The `QUANTILES`, float64 [5], of `random_cosines`.

    If all cosines are similar, a score says little.
    """
    return np.quantile(random_cosines(vectors, pairs, seed), QUANTILES)


def random_cosines(vectors: Matrix, pairs: int = 50_000, seed: int = 0) -> NDArray[np.float64]:
    """Compute cosines, float64 [pairs], of random pairs of different rows of [n, dim].

    Rows have length 1, n >= 2.
    """
    random = np.random.default_rng(seed)
    first = random.integers(0, len(vectors), pairs)
    other = (first + random.integers(1, len(vectors), pairs)) % len(vectors)
    cosines = np.concatenate(
        [
            np.einsum("id,id->i", vectors[first[at]], vectors[other[at]])
            for at in (slice(start, start + 10_000) for start in range(0, pairs, 10_000))
        ]
    )
    return cosines.astype(np.float64)
