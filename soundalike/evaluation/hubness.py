"""Hubness: a few tracks in everyone's neighbour list, others in nobody's; and how cosines spread.

In many dimensions some points come near to all others whatever they sound like (Radovanovic et
al., 2010); in music collections up to a third of the songs was in no list (Flexer et al., 2010).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating[Any]]
Rows = NDArray[np.intp]

BLOCK = 1000  # rows whose similarities to all are held at once
QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)


@dataclass(frozen=True)
class Hubness:
    """Of n tracks' k-occurrence, in how many lists of k neighbours each stands (its mean is k).

    `skewness`: 0 if evenly spread, the larger the fewer take most places. `orphans`: share that
    stand in none. `largest_hub`: share of the lists that the commonest track stands in.
    """

    skewness: float
    orphans: float
    largest_hub: float


def nearest(vectors: Matrix, k: int) -> Rows:
    """The k rows of greatest inner product with each row, itself left out: int [n, min(k, n-1)].

    In no particular order.
    """
    k = min(k, len(vectors) - 1)
    found = np.empty((len(vectors), k), np.intp)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK] @ vectors.T
        found[start : start + BLOCK] = nearest_by(block, k, start)
    return found


def nearest_by(similarity: Matrix, k: int, first: int = 0) -> Rows:
    """The same from similarities [m, n] of tracks `first`, `first` + 1, ... to all."""
    own = np.arange(len(similarity))
    without = similarity.copy()
    without[own, own + first] = -np.inf
    nearer: Rows = np.argpartition(-without, k - 1, axis=1)[:, :k]
    return nearer


def occurrences(neighbours: Rows) -> Rows:
    """In how many rows of int [n, k] each of the n tracks stands: int [n]."""
    return np.bincount(neighbours.ravel(), minlength=len(neighbours))


def hubness(neighbours: Rows) -> Hubness:
    """Of every track's k neighbours, int [n, k]."""
    counts = occurrences(neighbours).astype(np.float64)
    spread = float(counts.std())
    skewness = float(((counts - counts.mean()) ** 3).mean()) / spread**3 if spread else 0.0
    return Hubness(
        skewness=skewness,
        orphans=float((counts == 0).mean()),
        largest_hub=float(counts.max() / len(counts)),
    )


def cosine_quantiles(vectors: Matrix, pairs: int = 50_000, seed: int = 0) -> NDArray[np.float64]:
    """`QUANTILES` of the cosine of random pairs of different rows of [n, dim], n >= 2.

    Where all cosines are alike, a score tells nobody much.
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
    return np.quantile(cosines.astype(np.float64), QUANTILES)
