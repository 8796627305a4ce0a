"""A question about tracks, and what it comes to in vectors of one index."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.query import Query, average_vector

Strategy = Literal["average_vector", "best_score"]
NO_VECTORS = np.empty((0, 0), np.float32)


@dataclass(frozen=True)
class Rules:
    """What makes a list worth listening to, beyond likeness. None and 0 turn a rule off.

    `duplicate` leaves out what is at least that near to an example or to a better match.
    `diversity` d is maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): each place
    goes to the best (1 - d) * value - d * cosine with the nearest of those chosen before.
    """

    per_artist: int | None = None
    per_album: int | None = None
    duplicate: float | None = None
    diversity: float = 0.0

    @property
    def compares(self) -> bool:
        """Whether answers are compared with each other, which takes its time."""
        return self.duplicate is not None or self.diversity > 0


@dataclass(frozen=True, eq=False)
class Question:
    """What sounds like these tracks and vectors, and not like those tracks.

    `vectors` are float32 [v, dim] of unit length and count as positive. Strategies are Qdrant's.
    """

    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    vectors: NDArray[np.float32] = field(default_factory=lambda: NO_VECTORS)
    strategy: Strategy = "average_vector"
    rules: Rules = Rules()

    @property
    def tracks(self) -> tuple[str, ...]:
        """Those named in it: none of them is an answer to it."""
        return self.positive + self.negative

    def examples(
        self, of_tracks: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Positive and negative vectors, given those of `tracks` in order."""
        split = len(self.positive)
        if not len(self.vectors):
            return of_tracks[:split], of_tracks[split:]
        return np.concatenate([of_tracks[:split], self.vectors]), of_tracks[split:]

    def query(
        self,
        of_tracks: NDArray[np.float32],
        k: int,
        rows: NDArray[np.int64] | None,
        without: NDArray[np.int64],
    ) -> Query:
        """In vectors. Raises ValueError if the examples cancel each other out, or are none."""
        positive, negative = self.examples(of_tracks)
        if self.strategy == "average_vector":
            return Query(average_vector(positive, negative)[None], k, None, rows, without)
        if not len(positive) and not len(negative):
            raise ValueError("best_score needs an example")
        return Query(positive, k, negative if len(negative) else None, rows, without)
