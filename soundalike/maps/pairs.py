"""The pairs of points that a layout pulls together or pushes apart.

They are those of PaCMAP (Wang, Huang, Rudin, Shaposhnik, JMLR 22, 2021): near pairs keep
neighbourhoods, middle pairs the arrangement of the whole, far pairs the distances between.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soundalike.embedders.base import FloatArray

Rows = NDArray[np.int64]

NEAR, MIDDLE, FAR = 10, 5, 20
CANDIDATES = 50  # more than NEAR, of which those near by the measure of both points are taken
SCALED_BY = slice(3, 6)  # the 4th to 6th neighbour, whose mean distance is a point's own measure
TRIED = 6  # of so many random points the second nearest is a middle pair
BLOCK = 8192


class Pairs(NamedTuple):
    """Partners of each of n points: rows [n, near], [n, middle] and [n, far]."""

    near: Rows
    middle: Rows
    far: Rows


def choose_pairs(matrix: FloatArray, seed: int) -> Pairs:
    """Choose each point's partners from the vectors [n, dim]; there must be two at least.

    Random ones are the same for the same seed.
    """
    from soundalike.vectors.index.all_nearest import all_nearest

    count = len(matrix)
    distances, rows = all_nearest(matrix, min(CANDIDATES, count - 1))
    measure = np.sqrt(distances[:, SCALED_BY].mean(axis=1)) if count > SCALED_BY.stop else None
    if measure is not None:
        distances /= np.maximum(measure[:, None] * measure[rows], np.finfo(np.float32).tiny)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :NEAR]
    near = np.take_along_axis(rows, nearest, axis=1)
    random = np.random.default_rng(seed)
    return Pairs(near, _middle(matrix, random), _far(near, random))


def _middle(matrix: FloatArray, random: np.random.Generator) -> Rows:
    count = len(matrix)
    middle = np.empty((count, MIDDLE), np.int64)
    for start in range(0, count, BLOCK):
        part = matrix[start : start + BLOCK]
        own = np.arange(start, start + len(part))
        for column in range(MIDDLE):
            tried = _others(own, count, TRIED, random)
            difference = matrix[tried] - part[:, None]
            distances = np.einsum("ijk,ijk->ij", difference, difference)
            second = np.argsort(distances, axis=1, kind="stable")[:, min(1, TRIED - 1)]
            middle[start : start + len(part), column] = tried[np.arange(len(part)), second]
    return middle


def _far(near: Rows, random: np.random.Generator) -> Rows:
    """Choose random partners; one that is near by chance is drawn once more."""
    count = len(near)
    far = _others(np.arange(count), count, FAR, random)
    is_near = (far[:, :, None] == near[:, None, :]).any(axis=2)
    again = _others(np.arange(count), count, FAR, random)
    return np.where(is_near, again, far)


def _others(own: Rows, count: int, number: int, random: np.random.Generator) -> Rows:
    """Draw rows [len(own), number] of `count`, none of which is the point itself."""
    drawn = random.integers(0, count - 1, (len(own), number))
    return drawn + (drawn >= own[:, None])
