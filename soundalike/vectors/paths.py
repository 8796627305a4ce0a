"""From one track to another in steps that sound like a journey.

The way is the arc between the two vectors (spherical interpolation), with evenly spaced points.
Each step is the track nearest to its point that is not on the path yet and whose artist has not had
its share, chosen from the first point to the last.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors import limits
from soundalike.vectors.pick import Facts
from soundalike.vectors.query import Hits, Query

if TYPE_CHECKING:  # the service loads faiss late
    from soundalike.vectors.search import OpenIndex

WIDER = 4


@dataclass(frozen=True)
class Step:
    """A track of a path. `nearness` is its cosine with its point on the arc, `from_previous` with
    the step before it (None for the first)."""

    track_id: str
    nearness: float
    from_previous: float | None


def arc(start: NDArray[np.float32], end: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """`count` points from one unit vector to another, float32 [count, dim], both ends included.

    Raises ValueError for opposite vectors, between which no way is the shortest.
    """
    first, last = start.astype(np.float64), end.astype(np.float64)
    angle = float(np.arccos(np.clip(first @ last, -1.0, 1.0)))
    if np.pi - angle < 1e-3:  # noqa: PLR2004 - about what float32 can tell apart
        raise ValueError("the two tracks are opposites: no way between them is the shortest")
    shares = np.linspace(0, 1, count)[:, None]
    if angle < 1e-3:  # noqa: PLR2004 - too near to divide by its sine
        points = (1 - shares) * first + shares * last
    else:
        points = np.sin((1 - shares) * angle) * first + np.sin(shares * angle) * last
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(np.float32)


class Path:
    """A path in the making; whoever has the facts drives it, as with Ranking.

    `queries` are what to ask, `add` takes the hits of all of them; `queries` is empty at the end.
    """

    def __init__(
        self, index: "OpenIndex", ends: tuple[str, str], steps: int, per_artist: int | None
    ) -> None:
        """Raises KeyError for an end that is not in the index, ValueError for opposite ends."""
        self._index, self._ends, self._per_artist = index, ends, per_artist
        start, end = index.vectors_of(ends)
        self._points = arc(start, end, steps)
        self._without = index.rows_of(ends)
        self._facts: dict[str, Facts | None] = {}
        self.steps: list[Step] = []
        # Every other step may take one that is near this point too.
        self.queries = self._asking(steps + limits.SPARE_NEIGHBOURS)

    def _asking(self, width: int) -> list[Query]:
        return [Query(point[None], width, without=self._without) for point in self._points[1:-1]]

    def unknown(self, found: Sequence[Hits]) -> list[str]:
        """Of which tracks `add` needs facts."""
        ids = {self._index.track_ids[row] for hits in found for row in hits.rows.tolist()}
        return sorted((ids | set(self._ends)) - self._facts.keys())

    def add(self, found: Sequence[Hits], facts: Mapping[str, Facts]) -> None:
        """Choose a track for each point; where one has none left, ask for more."""
        self._facts |= {track: facts.get(track) for track in self.unknown(found)}
        between = self._choose(found)
        width = self.queries[0].k if self.queries else 0
        short = len(between) < len(found)
        more = short and width < limits.MOST_RANKED and not all(hits.complete for hits in found)
        self.queries = self._asking(min(WIDER * width, limits.MOST_RANKED)) if more else []
        self.steps = self._as_steps([self._ends[0], *between, self._ends[1]]) if not short else []

    def _choose(self, found: Sequence[Hits]) -> list[str]:
        """A track for each point, as far as there is one; both ends count for their artists."""
        artists = Counter(self._artist(track) for track in self._ends)
        chosen: list[str] = []
        for hits in found:
            ids = (self._index.track_ids[row] for row in hits.rows.tolist())
            track = next((track for track in ids if self._may_follow(track, chosen, artists)), None)
            if track is not None:
                chosen.append(track)
                artists[self._artist(track)] += 1
        return chosen

    def _may_follow(self, track: str, chosen: list[str], artists: Counter[str]) -> bool:
        facts = self._facts.get(track)
        if facts is None or facts.path is None or track in chosen:
            return False
        artist = self._artist(track)
        return not artist or self._per_artist is None or artists[artist] < self._per_artist

    def _artist(self, track: str) -> str:
        facts = self._facts.get(track)
        return ((facts and facts.artist) or "").casefold()

    def _as_steps(self, tracks: list[str]) -> list[Step]:
        vectors = self._index.vectors_of(tracks)
        rows = [self._index.rows_of([track]) for track in tracks]
        near = [
            float(self._index.exact.scores(point, row)[0])
            for point, row in zip(self._points, rows, strict=True)
        ]
        before = [
            float(self._index.exact.scores(vector, row)[0])
            for vector, row in zip(vectors[:-1], rows[1:], strict=True)
        ]
        return [Step(*step) for step in zip(tracks, near, [None, *before], strict=True)]
