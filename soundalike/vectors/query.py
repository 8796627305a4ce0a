"""What is asked of an index, and how several examples become one question."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

NOTHING = np.empty(0, np.int64)
CANCELLED = 1e-5  # length of a sum of unit vectors that is rounding, not direction


def _no_rows() -> NDArray[np.int64]:
    return NOTHING


@dataclass(frozen=True, eq=False)
class Query:
    """The k best rows by their value.

    A row's value is its cosine with the nearest of `like`, float32 [p, dim]. If the nearest of
    `unlike`, float32 [n, dim], is as near or nearer, it is minus the square of that cosine: this is
    how Qdrant defines `best_score`. With one vector and nothing unlike it is plain cosine search.

    `rows` are the only ones allowed, ascending; None allows all. `without` is left out. Both name a
    row once at most.
    """

    like: NDArray[np.float32]
    k: int
    unlike: NDArray[np.float32] | None = None
    rows: NDArray[np.int64] | None = None
    without: NDArray[np.int64] = field(default_factory=_no_rows)

    @property
    def against(self) -> NDArray[np.float32]:
        """`unlike`, of no rows where there is none."""
        return self.like[:0] if self.unlike is None else self.unlike


@dataclass(frozen=True, eq=False)
class Hits:
    """Rows by value, best first, ties by row, which is by track id.

    `complete`: these are all the rows that the query allows, there is nothing beyond.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float32]
    complete: bool


def average_vector(
    positive: NDArray[np.float32], negative: NDArray[np.float32]
) -> NDArray[np.float32]:
    """2 * mean(positive) - mean(negative), of unit length: Qdrant's strategy of that name.

    Without negatives it is the mean of the positives. Raises ValueError if they cancel out, or if
    there are no positives.
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
    """The vector at length 1, float32. Raises ValueError if it has no direction."""
    wide = vector.astype(np.float64)
    largest = float(np.abs(wide).max(initial=0))
    if not np.isfinite(largest) or largest == 0:
        raise ValueError("a vector needs finite numbers that are not all 0")
    wide /= largest  # so that squares neither vanish nor overflow
    return (wide / np.linalg.norm(wide)).astype(np.float32)
