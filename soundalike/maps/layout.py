"""Layouts: positions in two dimensions from vectors, from scratch, placed, or moved a little.

Distances in a layout are of no unit: a new one is scaled into the square from -EXTENT to EXTENT,
and none leaves that from -1 to 1.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from soundalike.embedders.base import FloatArray
from soundalike.maps.descent import FULL, REFINING, descend
from soundalike.maps.pairs import choose_pairs

SEED = 20
COMPONENTS = 256  # principal components that distances are of; 64 cost 0.04 of trustworthiness
SMALLEST = 4  # points that have a layout; fewer are a row
START_SCALE = 0.01
REFINED_SPREAD = 10.0  # standard deviation that full layouts end with, about
EXTENT = 0.8  # of the square's half: points that are placed later may lie outside of the others
PLACED_BY = 10  # neighbours that a new point is placed among
OUTLIER = 3.0  # times the median distance of those neighbours from their middle
BLOCK = 4096
SPACIOUS = 500  # points that are fewer are spread over the room that clusters leave between them


def fit(vectors: FloatArray) -> FloatArray:
    """Return positions [n, 2] of vectors [n, dim] of unit length."""
    if len(vectors) < SMALLEST:
        return _row(len(vectors))
    with _one_thread():
        reduced = principal_components(vectors, COMPONENTS)
        start = reduced[:, :2] * (START_SCALE / max(float(np.abs(reduced[:, :2]).max()), 1e-12))
        return _scaled(_spread(descend(start, choose_pairs(reduced, SEED), FULL)))


def refit(vectors: FloatArray, before: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
    """Return positions near those of `before` [n, 2], turned and scaled as the `known` ones were.

    `before` has a position of each vector; those that are not `known` were placed since.
    """
    if len(vectors) < SMALLEST:
        return _row(len(vectors))
    with _one_thread():
        reduced = principal_components(vectors, COMPONENTS)
        start = before * (REFINED_SPREAD / (float(before.std()) or 1.0))
        moved = descend(start, choose_pairs(reduced, SEED), REFINING)
        return _within(aligned(_spread(moved), before, known))


def place(vectors: FloatArray, known: FloatArray, positions: FloatArray) -> FloatArray:
    """Return positions [n, 2] of new vectors [n, dim] among known ones, which stay.

    Each is the mean of its nearest neighbours, weighted by cosine, without those that lie apart.
    """
    placed = np.empty((len(vectors), 2), np.float32)
    number = min(PLACED_BY, len(known))
    for start in range(0, len(vectors), BLOCK):
        cosines = vectors[start : start + BLOCK] @ known.T
        rows = np.argpartition(-cosines, number - 1, axis=1)[:, :number]
        near = np.take_along_axis(cosines, rows, axis=1)
        weights = np.maximum(near - near.min(axis=1, keepdims=True), 0) + 1e-6
        around = positions[rows]
        middle = np.median(around, axis=1, keepdims=True)
        apart = np.linalg.norm(around - middle, axis=2)
        weights[apart > OUTLIER * np.median(apart, axis=1, keepdims=True) + 1e-9] = 0
        total = np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
        placed[start : start + BLOCK] = (weights[:, :, None] * around).sum(axis=1) / total
    return placed


def aligned(moved: FloatArray, before: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
    """Turn, mirror, scale and shift positions [n, 2] so that known ones are nearest to `before`."""
    target, source = before[known].astype(np.float64), moved[known].astype(np.float64)
    target_middle, source_middle = target.mean(axis=0), source.mean(axis=0)
    target, source = target - target_middle, source - source_middle
    left, values, right = np.linalg.svd(source.T @ target)
    scale = values.sum() / max(float((source * source).sum()), 1e-12)
    turned = (moved - source_middle) @ (left @ right) * scale + target_middle
    return np.asarray(turned, np.float32)


def principal_components(vectors: FloatArray, number: int) -> FloatArray:
    """Return the vectors' [n, dim] coordinates along their widest directions [n, number]."""
    centred = vectors - vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    _, directions = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    widest = directions[:, ::-1][:, :number]
    signs = np.sign(widest[np.abs(widest).argmax(axis=0), np.arange(widest.shape[1])])
    return np.asarray(centred @ (widest * signs).astype(np.float32))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute by one thread in the block: the order of sums depends on the number of threads."""

    with threadpool_limits(1):
        yield


def _spread(positions: FloatArray) -> FloatArray:
    """Move few points half the way to even distances along both axes; their order stays.

    Clusters of a small collection are tight and far apart, so that points lie on one another.
    """
    if len(positions) >= SPACIOUS:
        return positions
    ranks = np.argsort(np.argsort(positions, axis=0, kind="stable"), axis=0)
    even = (2 * ranks / (len(positions) - 1) - 1).astype(np.float32)
    centred = positions - (positions.max(axis=0) + positions.min(axis=0)) / 2
    widest = np.maximum(np.abs(centred).max(axis=0), 1e-12)
    return np.asarray((centred / widest + even) / 2, np.float32)


def _scaled(positions: FloatArray) -> FloatArray:
    centred: FloatArray = positions - positions.mean(axis=0)
    centred *= np.float32(EXTENT / max(float(np.abs(centred).max()), 1e-12))
    return centred


def _within(positions: FloatArray) -> FloatArray:
    """Return positions within the square from -1 to 1: smaller as a whole, if some are not."""
    return positions / np.float32(max(float(np.abs(positions).max()), 1.0))


def _row(count: int) -> FloatArray:
    """Return positions of so few points that only their order can be shown."""
    positions = np.zeros((count, 2), np.float32)
    positions[:, 0] = np.linspace(-EXTENT, EXTENT, count) if count > 1 else 0.0
    return positions
