"""Ranking: from a query to its results, without I/O; the caller supplies hits and metadata.

ranking = Ranking(index, query, limit=10)
while (query := ranking.next_query) is not None:
    [hits] = index.neighbours([query])
    ranking.add(hits, metadata of ranking.without_metadata(hits))
ranking.results
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors import limits
from soundalike.vectors.neighbours import NeighbourQuery, Neighbours, SearchIndex, TrackSet
from soundalike.vectors.queries import TrackQuery
from soundalike.vectors.removed import Considered, Eligible, Removed
from soundalike.vectors.rerank import (
    Group,
    RankedCandidates,
    TrackMetadata,
    groups_of,
    rerank,
)


@dataclass(frozen=True)
class Result:
    """A ranked track. `percentile`: the percentage of pairs of tracks that are less similar."""

    rank: int
    track_id: str
    score: float
    percentile: float | None


class Ranking:
    """The first `limit` results of a query, with its rerank options kept exactly.

    `allowed` None allows every track; the query's own tracks and those of `excluded` are left out.
    A track that has no metadata, or no file any more, is skipped.
    """

    def __init__(
        self,
        index: SearchIndex,
        query: TrackQuery,
        limit: int,
        allowed: TrackSet | None = None,
        excluded: tuple[str, ...] = (),
    ) -> None:
        """Prepare the first query.

        Raises KeyError for an example that is not in the index, ValueError if the examples cancel
        each other out.
        """
        self._index, self._query, self._limit = index, query, limit
        self._examples = index.vectors_of(query.track_ids)
        self._allowed = allowed
        self._excluded = (*query.track_ids, *excluded)
        own_rows = index.rows_of(query.track_ids)
        left_out = index.rows_of(self._excluded) if excluded else own_rows
        rows = allowed.rows if allowed is not None else None
        self._eligible = Eligible.of(len(index), rows, own_rows, left_out)
        self._metadata: dict[str, TrackMetadata | None] = {}
        self._considered: Considered | None = None
        self.results: list[Result] = []
        self.certain = True  # that no better track was missed, as Neighbours has it
        self.next_query: NeighbourQuery | None = self._lowered(self._first_k())

    def _lowered(self, k: int) -> NeighbourQuery:
        positive, negative = self._query.lowered(self._examples)
        return NeighbourQuery(positive, k, negative, self._allowed, self._excluded)

    def _first_k(self) -> int:
        """The number of candidates to search first.

        With diversity it is always the same, or the next page would be chosen from other tracks.
        """
        options = self._query.options
        if options.diversity:
            return limits.DIVERSITY_CANDIDATES
        extra = limits.EXTRA_FOR_RULES if options.leaves_out else limits.EXTRA_CANDIDATES
        return min(self._limit + extra, limits.MAX_RANKED)

    def without_metadata(self, hits: Neighbours) -> list[str]:
        """The hits' track ids whose metadata `add` needs and does not have yet."""
        return [track for track in hits.track_ids if track not in self._metadata]

    def add(self, hits: Neighbours, metadata: Mapping[str, TrackMetadata]) -> None:
        """Rank the hits; `next_query` is then the query to search next, None when done."""
        ids, self.certain = hits.track_ids, hits.certain
        self._metadata |= {each: metadata.get(each) for each in ids if each not in self._metadata}
        kept, candidates = self._with_file(hits)
        positive, negative = self._query.examples(self._examples)
        examples = np.concatenate([positive, negative]) if len(negative) else positive
        options, limit = self._query.options, min(self._limit, len(ids))
        reranked = rerank(candidates, options, examples, limit)
        self._considered = Considered.of(hits, kept, options, reranked)
        self.results = self._ranked(
            [ids[position] for position in kept[reranked.positions].tolist()],
            candidates.scores[reranked.positions],
        )
        k = self.next_query.k if self.next_query else 0
        enough = len(self.results) >= self._limit or self._considered.is_all
        done = enough or options.diversity or k >= limits.MAX_RANKED
        wider = min(limits.OVERFETCH_FACTOR * k, limits.MAX_RANKED)
        self.next_query = None if done else self._lowered(wider)

    def removed(self, shown: int | None) -> Removed:
        """Count the tracks that each rule left out of the first `shown` results; None for all."""
        if self._considered is None:
            return Removed()
        return self._considered.removed(self._eligible, self._query.options, shown)

    def _with_file(self, hits: Neighbours) -> tuple[NDArray[np.int64], RankedCandidates]:
        """The hits that have a file: their positions, int64 [c], and the candidates."""
        options = self._query.options
        found = map(self._metadata.get, hits.track_ids)
        present = [
            (position, metadata)
            for position, metadata in enumerate(found)
            if metadata is not None and metadata.path is not None
        ]
        positions = np.array([position for position, _ in present], np.int64)
        groups: list[tuple[Group, ...]] = [()] * len(present)
        if options.caps_groups:
            groups = [groups_of(metadata, options) for _, metadata in present]
        candidates = RankedCandidates(hits.vectors.at(positions), hits.scores[positions], groups)
        return positions, candidates

    def _ranked(self, track_ids: list[str], scores: NDArray[np.float32]) -> list[Result]:
        """The results: tracks in their order, and the score of each, float32 [n]."""
        # With negative examples a `best_score` is not a cosine and has no percentile.
        query = self._query
        is_cosine = query.strategy == "average_vector" or not query.negative
        percentiles = self._index.distribution.percentiles(scores) if is_cosine else None
        shares: Sequence[float | None] = percentiles or [None] * len(track_ids)
        ranks = range(1, len(track_ids) + 1)
        return [*map(Result, ranks, track_ids, scores.tolist(), shares)]
