"""What is measured of one set of vectors over a labelled collection."""

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

BLOCK = 500  # queries at once: what `per_query` holds grows with queries times tracks
OCCURRENCE = 10


@dataclass(frozen=True)
class Retrieval:
    """Each of `METRICS`: every query's value, and the mean with its interval."""

    queries: int
    values: Mapping[str, Floats]
    means: Mapping[str, Interval]


@dataclass(frozen=True)
class Space:
    """What needs no labels: hubness over 10 neighbours, all tracks' counts, spread of cosines."""

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
    """What is drawn as a whole in a bootstrap: the artist, else the album, else the label."""
    album = np.where(labels.album == "", labels.label, labels.album)
    return np.where(labels.artist == "", album, labels.artist)


def retrieval(similarity: Matrix, labels: Labels, *, filtered: bool) -> Retrieval:
    """Of [n, n]. `filtered`: only tracks of other artists and other albums may answer."""
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
    """Of float [n, dim], rows of length 1, n >= 3."""
    found = nearest(vectors, OCCURRENCE)
    return Space(vectors.shape[1], hubness(found), occurrences(found), cosine_quantiles(vectors))


def random_vectors(count: int, dimension: int) -> Matrix:
    """The floor: directions that know nothing, float64 [count, dimension]; always the same."""
    drawn = np.random.default_rng(0).standard_normal((count, dimension))
    return unit_rows(drawn)


def recall(queries: Matrix, tracks: Matrix, rows: NDArray[np.intp]) -> Floats:
    """Whether each query [m, dim] finds its own track, row `rows[i]` of [n, dim], first: 0 or 1."""
    hits: Floats = ((queries @ tracks.T).argmax(axis=1) == rows).astype(np.float64)
    return hits
