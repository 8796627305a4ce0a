"""Transforms of vectors or similarities after the model, fitted on other music.

Vectors: centring, PCA whitening. Similarities: mutual proximity and local scaling, which lower
hubness (Schnitzer et al., JMLR 2012).
"""

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.evaluation.study import unit_rows

Matrix = NDArray[np.floating[Any]]
Transform = Callable[[Matrix], Matrix]


def centring(reference: Matrix) -> Transform:
    """Subtract the mean of `reference` [m, dim]."""
    mean = reference.mean(axis=0)
    return lambda vectors: unit_rows(vectors - mean)


def standardising(reference: Matrix) -> Transform:
    """Subtract the mean of `reference` [m, dim], and divide by its deviation."""
    mean, deviation = reference.mean(axis=0), reference.std(axis=0)
    return lambda vectors: unit_rows((vectors - mean) / np.where(deviation > 0, deviation, 1))


def whitening(reference: Matrix, dimensions: int, power: float = 1.0) -> Transform:
    """The first principal components of `reference` [m, dim], each divided by its deviation**power.

    At most `dimensions`, and as many as `reference` has tracks to tell them by. Power 0 is PCA.
    """
    mean = reference.mean(axis=0)
    _, values, axes = np.linalg.svd(reference - mean, full_matrices=False)
    kept = min(dimensions, int((values > 1e-6 * values[0]).sum()))
    deviations = values[:kept] / sqrt(len(reference))
    basis = axes[:kept].T / deviations**power
    return lambda vectors: unit_rows((vectors - mean) @ basis)


def mutual_proximity(similarity: Matrix, to_reference: Matrix) -> Matrix:
    """Similarity [n, n] as the chance that each is nearer to the other than to a reference track.

    `to_reference` [n, m]: the similarities of the same tracks to other music; each row's are taken
    for normal (the "independent Gaussian" variant).
    """
    mean = to_reference.mean(axis=1)
    deviation = np.maximum(to_reference.std(axis=1), 1e-9)
    nearer = _normal_cdf((similarity - mean[:, None]) / deviation[:, None])
    mutual: Matrix = nearer * _normal_cdf((similarity - mean[None]) / deviation[None])
    return mutual


def local_scaling(similarity: Matrix, to_reference: Matrix, k: int = 10) -> Matrix:
    """Cosines [n, n] less how near each track is to its k nearest in `to_reference` [n, m].

    The additive form known as CSLS (Conneau et al., 2018): 2 s(x, y) - r(x) - r(y).
    """
    near = np.sort(to_reference, axis=1)[:, -k:].mean(axis=1)
    scaled: Matrix = 2 * similarity - near[:, None] - near[None]
    return scaled


def _normal_cdf(values: Matrix) -> Matrix:
    """Within 1e-7 (Abramowitz and Stegun 7.1.26); numpy has no error function."""
    size = np.abs(values) / sqrt(2)
    t = 1 / (1 + 0.3275911 * size)
    series = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
    tail = sum(a * t**power for power, a in enumerate(series, 1)) * np.exp(-(size**2)) / 2
    cdf: Matrix = np.where(values < 0, tail, 1 - tail)
    return cdf
