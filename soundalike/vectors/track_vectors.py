"""Vectors of some tracks, of hits for example, that are compared with others."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # the service loads faiss late
    from soundalike.vectors.index.exact import ExactVectors


@dataclass(frozen=True, eq=False)
class TrackVectors:
    """The vectors of some tracks: rows of `exact`, int64 [m]. Scores are the exact ones."""

    exact: "ExactVectors"
    rows: NDArray[np.int64]

    def at(self, positions: NDArray[np.int64]) -> "TrackVectors":
        """The vectors at these positions, int64 [p]."""
        return TrackVectors(self.exact, self.rows[positions])

    def vector(self, position: int) -> NDArray[np.float32]:
        """The vector at a position, float32 [dim]."""
        vector: NDArray[np.float32] = self.exact.vectors(self.rows[position : position + 1])[0]
        return vector

    def scores(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cosines of a unit float32 [dim] with each of the vectors, float32 [m]."""
        return self.exact.scores(query, self.rows)
