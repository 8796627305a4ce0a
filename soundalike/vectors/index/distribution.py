"""The distribution of cosines in a collection, which turns a cosine into a percentile."""

import numpy as np
from numpy.typing import NDArray

from soundalike.sampling import evenly
from soundalike.vectors.index.exact import ExactVectors

SAMPLED_TRACKS = 1000  # half a million pairs: steps of 0.0002 percent


class Distribution:
    """The sorted cosines of all pairs of up to 1000 tracks, spread evenly over the index.

    Embedding spaces are narrow: in one, two random tracks have a cosine of 0.2, in another of 0.9.
    A cosine of 0.93 means something only relative to that.
    """

    def __init__(self, cosines: NDArray[np.float32]) -> None:
        self._sorted = np.sort(cosines)

    @classmethod
    def of(cls, vectors: ExactVectors) -> "Distribution":
        """Compute the distribution of an index. It takes 0.1 s, so it need not be stored."""
        rows = np.array(evenly(range(vectors.count), SAMPLED_TRACKS), np.int64)
        sample = vectors.vectors(rows)
        first, second = np.triu_indices(len(sample), k=1)
        return cls(np.clip(sample @ sample.T, -1.0, 1.0)[first, second])

    def percentiles(self, cosines: NDArray[np.float32]) -> list[float] | None:
        """The percentage of pairs that are less similar, 0 to 100, for each cosine, float32 [n].

        None if there are no pairs.
        """
        if not len(self._sorted):
            return None
        below = self._sorted.searchsorted(cosines)
        return [100 * each / len(self._sorted) for each in below.tolist()]
