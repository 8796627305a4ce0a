"""Journeys: sequences of tracks that lead from one track to another.

Points are spaced evenly on the arc between the two vectors (spherical interpolation). Each step is
the track nearest to its point that is not on the journey yet and whose artists are below their cap,
chosen from the first point to the last.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors import limits
from soundalike.vectors.neighbours import NeighbourQuery, Neighbours, SearchIndex
from soundalike.vectors.rerank import TrackMetadata


@dataclass(frozen=True)
class RemovedSteps:
    """Numbers of tracks by the rule that left them out; `no_file`: the index still has them."""

    no_file: int = 0
    per_artist: int = 0


@dataclass(frozen=True)
class Step:
    """A track of a journey.

    `score` is its cosine with its point on the arc, `score_to_previous` with the step before it
    (None for the first).
    """

    track_id: str
    score: float
    score_to_previous: float | None


def arc(start: NDArray[np.float32], end: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Interpolate from one unit vector to another: float32 [count, dim], both ends included.

    Raises ValueError for opposite vectors, between which no arc is the shortest.
    """
    first, last = start.astype(np.float64), end.astype(np.float64)
    angle = float(np.arccos(np.clip(first @ last, -1.0, 1.0)))
    if np.pi - angle < 1e-3:  # noqa: PLR2004 - about what float32 can tell apart
        raise ValueError("the two tracks are opposites: no arc between them is the shortest")
    shares = np.linspace(0, 1, count)[:, None]
    if angle < 1e-3:  # noqa: PLR2004 - too near to divide by its sine
        points = (1 - shares) * first + shares * last
    else:
        points = np.sin((1 - shares) * angle) * first + np.sin(shares * angle) * last
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(np.float32)


class ArcJourney:
    """A journey under construction; the caller supplies hits and metadata, as with Ranking.

    `next_queries` are the queries to search next, and `add` takes the hits of all of them. When
    there are none left, `steps` is the journey, or empty if there is none.
    """

    def __init__(
        self, index: SearchIndex, ends: tuple[str, str], steps: int, per_artist: int | None
    ) -> None:
        """Prepare the first queries.

        Raises KeyError for an end that is not in the index, ValueError for opposite ends.
        """
        self._index, self._ends, self._per_artist = index, ends, per_artist
        start, end = index.vectors_of(ends)
        self._points = arc(start, end, steps)
        self._metadata: dict[str, TrackMetadata | None] = {}
        self._left_out: dict[str, str] = {}  # by track, the rule
        self.steps: list[Step] = []
        self.certain = True  # that no nearer track was missed, as Neighbours has it
        # Each other step may take a track that is near this point too.
        self.next_queries = self._queries(steps + limits.EXTRA_FOR_RULES)

    def _queries(self, k: int) -> list[NeighbourQuery]:
        return [NeighbourQuery(point[None], k, excluded=self._ends) for point in self._points[1:-1]]

    def without_metadata(self, hits: Sequence[Neighbours]) -> list[str]:
        """The ids of the hits and ends whose metadata `add` needs and does not have yet."""
        ids = {track for each in hits for track in each.track_ids}
        return sorted((ids | set(self._ends)) - self._metadata.keys())

    def add(self, hits: Sequence[Neighbours], metadata: Mapping[str, TrackMetadata]) -> None:
        """Choose a track for each point; where a point has none left, search for more."""
        self._metadata |= {track: metadata.get(track) for track in self.without_metadata(hits)}
        self.certain = all(each.certain for each in hits)
        between = self._choose(hits)
        k = self.next_queries[0].k if self.next_queries else 0
        short = len(between) < len(hits)
        more = short and k < limits.MAX_RANKED and not all(each.complete for each in hits)
        wider = min(limits.OVERFETCH_FACTOR * k, limits.MAX_RANKED)
        self.next_queries = self._queries(wider) if more else []
        self.steps = self._as_steps([self._ends[0], *between, self._ends[1]]) if not short else []

    @property
    def removed(self) -> RemovedSteps:
        """The number of tracks that each rule left out, of those nearer than the chosen ones."""
        rules = list(self._left_out.values())
        return RemovedSteps(rules.count("no_file"), rules.count("per_artist"))

    def _choose(self, hits: Sequence[Neighbours]) -> list[str]:
        """A track for each point that has one left; both ends count towards artists' caps."""
        artists = Counter(artist for track in self._ends for artist in self._artists(track))
        chosen: list[str] = []
        self._left_out = {}
        for each in hits:
            free = (id_ for id_ in each.track_ids if self._may_follow(id_, chosen, artists))
            track = next(free, None)
            if track is not None:
                chosen.append(track)
                artists.update(self._artists(track))
        return chosen

    def _may_follow(self, track: str, chosen: list[str], artists: Counter[str]) -> bool:
        metadata, cap = self._metadata.get(track), self._per_artist
        if track in chosen:
            return False
        if metadata is None or metadata.path is None:
            self._left_out[track] = "no_file"
        elif cap is not None and any(artists[artist] >= cap for artist in self._artists(track)):
            self._left_out[track] = "per_artist"
        else:
            return True
        return False

    def _artists(self, track: str) -> set[str]:
        metadata = self._metadata.get(track)
        return {artist.casefold() for artist in metadata.artists} if metadata else set()

    def _as_steps(self, tracks: list[str]) -> list[Step]:
        vectors = self._index.track_vectors(tracks)
        each = [vectors.at(np.array([position])) for position in range(len(tracks))]
        near = [float(one.scores(point)[0]) for point, one in zip(self._points, each, strict=True)]
        before = [float(after.scores(one.vector(0))[0]) for one, after in pairwise(each)]
        return [Step(*step) for step in zip(tracks, near, [None, *before], strict=True)]
