"""Trustworthiness: how far neighbours on the map are neighbours of the vectors too.

Venna and Kaski (2001): 1 if every neighbour on the map is one, less the further away they are.
"""

import numpy as np

from soundalike.embedders.base import FloatArray
from soundalike.sampling import evenly

NEIGHBOURS = 15
SAMPLE = 1000
BLOCK = 64  # points that are compared with all at a time
FEWEST = 3 * NEIGHBOURS  # the measure is not defined for fewer


def trustworthiness(vectors: FloatArray, positions: FloatArray) -> float | None:
    """Measure it at 15 neighbours, on at most 1000 points; None for so few that it means nothing.

    `vectors` [n, dim] are of unit length, `positions` are [n, 2].
    """
    count = len(vectors)
    if count < FEWEST:
        return None
    lost = 0
    sample = np.array(evenly(range(count), SAMPLE))
    for rows in np.array_split(sample, -(-len(sample) // BLOCK)):
        cosines = vectors[rows] @ vectors.T
        own = np.arange(len(rows)), rows
        cosines[own] = -np.inf
        apart = positions[None, :] - positions[rows, None]
        distances = np.einsum("ijk,ijk->ij", apart, apart)
        distances[own] = np.inf
        for row, near in enumerate(np.argpartition(distances, NEIGHBOURS - 1)[:, :NEIGHBOURS]):
            ranks = 1 + (cosines[row] > cosines[row, near, None]).sum(axis=1)
            lost += int(np.maximum(ranks - NEIGHBOURS, 0).sum())
    worst = NEIGHBOURS * (2 * count - 3 * NEIGHBOURS - 1) / 2
    return 1.0 - lost / (len(sample) * worst)
