"""Queries: by example tracks and vectors as a user gives them, and lowered to vectors alone."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.rerank import RerankOptions

Strategy = Literal["average_vector", "best_score"]
NO_ROWS = np.empty(0, np.int64)
NO_VECTORS = np.empty((0, 0), np.float32)
CANCELLED = 1e-5  # a mean of unit vectors that is shorter has no direction, only rounding errors


@dataclass(frozen=True, eq=False)
class VectorQuery:
    """A search for the k rows of highest score.

    A row's score is its cosine with the nearest of `positive`, float32 [p, dim]. Where the nearest
    of `negative`, float32 [n, dim], is as near or nearer, the score is minus the square of that
    cosine, as Qdrant defines `best_score`. One positive vector alone is plain cosine search.

    `allowed_rows`, int64 [a], are ascending; None allows every row. `excluded_rows`, int64 [e], are
    never returned. Neither repeats a row.
    """

    positive: NDArray[np.float32]
    k: int
    negative: NDArray[np.float32] = field(default_factory=lambda: NO_VECTORS)
    allowed_rows: NDArray[np.int64] | None = None
    excluded_rows: NDArray[np.int64] = field(default_factory=lambda: NO_ROWS)


def are_among(rows: NDArray[np.int64], ascending: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Find which of these rows, int64 [m], are among many ascending ones: bool [m].

    A binary search: numpy's own set functions sort the many, which takes milliseconds.
    """
    places = ascending.searchsorted(rows)
    found = np.zeros(len(rows), bool)
    inside = places < len(ascending)
    found[inside] = ascending[places[inside]] == rows[inside]
    return found


@dataclass(frozen=True, eq=False)
class Hits:
    """The rows of a search's results by score, best first; ties by row, which is by track id.

    `rows` are int64 [h], `scores` float32 [h]. `complete`: these are all the rows that the query
    allows.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    complete: bool


@dataclass(frozen=True, eq=False)
class TrackQuery:
    """A search for tracks similar to the positive examples and not to the negative ones.

    `vectors` are float32 [v, dim] of unit length and count as positive. Strategies are Qdrant's.
    """

    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    vectors: NDArray[np.float32] = field(default_factory=lambda: NO_VECTORS)
    strategy: Strategy = "average_vector"
    options: RerankOptions = field(default_factory=RerankOptions)

    @property
    def track_ids(self) -> tuple[str, ...]:
        """The example tracks, which are never among the results."""
        return self.positive + self.negative

    def examples(
        self, track_vectors: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The positive and the negative vectors, float32 [p, dim] and [n, dim].

        `track_vectors`, float32 [t, dim], are those of `track_ids` in order.
        """
        split = len(self.positive)
        positive, negative = track_vectors[:split], track_vectors[split:]
        if len(self.vectors):
            positive = np.concatenate([positive, self.vectors])
        return positive, negative

    def lowered(
        self, track_vectors: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lower the query to the positive and negative vectors of a search, as in VectorQuery.

        `track_vectors`, float32 [t, dim], are those of `track_ids` in order. Raises ValueError if
        the examples cancel each other out, or if there are none.
        """
        positive, negative = self.examples(track_vectors)
        if self.strategy == "average_vector":
            return average_vector(positive, negative)[None], NO_VECTORS
        if not len(positive) and not len(negative):
            raise ValueError("best_score needs an example")
        return positive, negative


def average_vector(
    positive: NDArray[np.float32], negative: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Average examples to 2 * mean(positive) - mean(negative), float32 [dim] of unit length.

    `positive` are float32 [p, dim], `negative` float32 [n, dim]. That is Qdrant's strategy of this
    name. Without negatives it is the mean of the positives.
    Raises ValueError if the examples cancel each other out, or if there are no positives.
    """
    if not len(positive):
        raise ValueError("average_vector needs a positive example")
    mean = positive.astype(np.float64).mean(axis=0)
    if len(negative):
        mean = 2 * mean - negative.astype(np.float64).mean(axis=0)
    if float(np.linalg.norm(mean)) < CANCELLED:
        raise ValueError("the examples cancel each other out: no direction is left")
    return unit(mean)


def unit(vector: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale a vector [dim] to length 1, float32. Raises ValueError if it is 0 or not finite."""
    wide = vector.astype(np.float64)
    largest = float(np.abs(wide).max(initial=0))
    if not np.isfinite(largest) or largest == 0:
        raise ValueError("a vector needs finite numbers that are not all 0")
    wide /= largest  # so that squares neither vanish nor overflow
    return (wide / np.linalg.norm(wide)).astype(np.float32)
