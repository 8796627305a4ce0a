"""Measurements of one set of vectors over a labelled collection."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.evaluation.hubness import (
    Hubness,
    Matrix,
    cosine_quantiles,
    hubness,
    nearest,
    occurrences,
)
from soundalike.evaluation.retrieval import (
    METRICS,
    Floats,
    Interval,
    Labels,
    Texts,
    bootstrap,
    per_query,
)

BLOCK = 500  # queries at once: the memory of `per_query` grows with queries times tracks
OCCURRENCE = 10


@dataclass(frozen=True)
class Retrieval:
    """Results of labelled retrieval: for each of `METRICS` every query's value, and their mean."""

    queries: int
    values: Mapping[str, Floats]
    means: Mapping[str, Interval]


@dataclass(frozen=True)
class Space:
    """Measurements without labels: hubness over 10 neighbours, k-occurrences, cosine quantiles."""

    dimension: int
    hubness: Hubness
    occurrences: NDArray[np.intp]
    cosines: Floats


def unit_rows(vectors: Matrix) -> Matrix:
    """Scale the rows of [n, dim] to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Matrix = vectors / np.where(lengths > 0, lengths, 1)
    return scaled


def groups(labels: Labels) -> Texts:
    """The groups that a bootstrap draws, text [n]: the artist, else the album, else the label."""
    album = np.where(labels.album == "", labels.label, labels.album)
    return np.where(labels.artist == "", album, labels.artist)


def retrieval(similarity: Matrix, labels: Labels, *, filtered: bool) -> Retrieval:
    """Measure retrieval by similarities [n, n].

    `filtered`: only tracks of other artists and other albums are candidates.
    """
    relevant = labels.relevant()
    candidates = labels.candidates(other_artist=filtered, other_album=filtered)
    parts = [
        per_query(similarity[at], relevant[at], candidates[at])
        for at in (slice(row, row + BLOCK) for row in range(0, len(labels), BLOCK))
    ]
    values = {name: np.concatenate([part[name] for part in parts]) for name in METRICS}
    drawn = groups(labels)
    means = {name: bootstrap(values[name], drawn) for name in METRICS}
    return Retrieval(int(np.isfinite(values["r_precision"]).sum()), values, means)


def space(vectors: Matrix) -> Space:
    """Measure vectors, float [n, dim] with rows of length 1, n >= 3."""
    near = nearest(vectors, OCCURRENCE)
    return Space(vectors.shape[1], hubness(near), occurrences(near), cosine_quantiles(vectors))


def random_vectors(count: int, dimension: int) -> Matrix:
    """Random directions, the lower bound: float64 [count, dimension]; always the same."""
    drawn = np.random.default_rng(0).standard_normal((count, dimension))
    return unit_rows(drawn)


def recall(queries: Matrix, tracks: Matrix, rows: NDArray[np.intp]) -> Floats:
    """Compute recall@1: float64 [m], 1 where the nearest track of a query is its own, else 0.

    `queries` [m, dim], `tracks` [n, dim]; the own track of query i is row `rows[i]`, int [m].
    """
    hits: Floats = ((queries @ tracks.T).argmax(axis=1) == rows).astype(np.float64)
    return hits
