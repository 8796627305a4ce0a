"""The optimisation of a layout: gradient descent (Adam) on the pairs' forces.

The forces, their weights over the steps and the rates are PaCMAP's, see `pairs`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.embedders.base import FloatArray
from soundalike.maps.pairs import Pairs, Rows

RATE, MEAN_DECAY, SQUARE_DECAY, TINY = 1.0, 0.9, 0.999, 1e-7
BLOCK = 16_384  # points whose pairs are in the caches at a time

Forces = NDArray[np.float64]


@dataclass(frozen=True)
class Steps:
    """Numbers of steps: global arrangement, both, and neighbourhoods alone."""

    whole: int = 100
    both: int = 100
    near: int = 250

    def weights(self, step: int) -> tuple[float, float, float]:
        """Return the weights of near, middle and far pairs at a step."""
        if step < self.whole:
            done = step / self.whole
            return 2.0, (1 - done) * 1000.0 + done * 3.0, 1.0
        return (3.0, 3.0, 1.0) if step < self.whole + self.both else (1.0, 0.0, 1.0)

    @property
    def number(self) -> int:
        """The number of all steps."""
        return self.whole + self.both + self.near


FULL = Steps()
REFINING = Steps(0, 0, 100)  # from a layout that is nearly right


def descend(start: FloatArray, pairs: Pairs, steps: Steps) -> FloatArray:
    """Return positions [n, 2] after the steps from `start`; the same input gives the same bits."""
    at = start.astype(np.float32)
    mean, square = np.zeros(at.shape, np.float64), np.zeros(at.shape, np.float64)
    for step in range(steps.number):
        force = _force(at, pairs, steps.weights(step))
        mean += (1 - MEAN_DECAY) * (force - mean)
        square += (1 - SQUARE_DECAY) * (force * force - square)
        corrected = np.sqrt(1 - SQUARE_DECAY ** (step + 1)) / (1 - MEAN_DECAY ** (step + 1))
        at = at - (RATE * corrected * mean / (np.sqrt(square) + TINY)).astype(np.float32)
    return at


def _force(at: FloatArray, pairs: Pairs, weights: tuple[float, float, float]) -> Forces:
    """Return the loss's gradient [n, 2]: each pair pulls or pushes both of its points."""
    near, middle, far = weights
    force = np.zeros(at.shape, np.float64)
    _add(force, at, pairs.near, near * 20.0, 10.0)
    if middle:
        _add(force, at, pairs.middle, middle * 20_000.0, 10_000.0)
    _add(force, at, pairs.far, far * -2.0, 0.0)
    return force


def _add(force: Forces, at: FloatArray, partners: Rows, scale: float, offset: float) -> None:
    """Add scale / (offset + 1 + distance^2)^2 along each pair; repelling pairs have offset 1."""
    constant = np.float32(1.0 + (offset or 1.0))
    for start in range(0, len(at), BLOCK):
        block = partners[start : start + BLOCK]
        flat = block.ravel()
        sums = []
        for axis in (0, 1):
            column = np.ascontiguousarray(at[:, axis])
            sums.append(column[start : start + len(block), None] - column[block])
        size = sums[0] * sums[0] + sums[1] * sums[1] + constant
        factor = np.float32(scale) / (size * size)
        for axis, difference in enumerate(sums):
            pull = factor * difference
            force[start : start + len(block), axis] += pull.sum(axis=1, dtype=np.float64)
            force[:, axis] -= np.bincount(flat, pull.ravel(), len(at))
