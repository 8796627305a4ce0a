"""Ranking: from a query to its results, without I/O; the caller supplies hits and metadata.

ranking = Ranking(index, query, limit=10)
while (vector_query := ranking.next_query) is not None:
    [hits] = index.search([vector_query])
    ranking.add(hits, metadata of ranking.without_metadata(hits))
ranking.results
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors import limits
from soundalike.vectors.queries import Hits, TrackQuery, VectorQuery
from soundalike.vectors.removed import Considered, Eligible, Removed
from soundalike.vectors.rerank import RankedCandidates, TrackMetadata, groups_of, rerank

if TYPE_CHECKING:  # the service loads faiss late
    from soundalike.vectors.index.open_index import OpenIndex


@dataclass(frozen=True)
class Result:
    """A ranked track. `percentile`: the percentage of pairs of tracks that are less similar."""

    rank: int
    track_id: str
    score: float
    percentile: float | None


class Ranking:
    """The first `limit` results of a query, with its rerank options kept exactly.

    `allowed_rows`, int64 [a] ascending, None allows every row; the query's own tracks and those of
    `excluded` are left out. A track that has no metadata, or no file any more, is skipped.
    """

    def __init__(
        self,
        index: "OpenIndex",
        query: TrackQuery,
        limit: int,
        allowed_rows: NDArray[np.int64] | None = None,
        excluded: tuple[str, ...] = (),
    ) -> None:
        """Prepare the first query.

        Raises KeyError for an example that is not in the index, ValueError if the examples cancel
        each other out.
        """
        self._index, self._query, self._limit = index, query, limit
        rows = index.known_rows(query.track_ids)
        self._track_vectors = index.exact.vectors(rows)
        self._allowed_rows = allowed_rows
        own_rows = np.unique(rows)
        self._excluded_rows = np.union1d(own_rows, index.rows_of(excluded))
        self._eligible = Eligible.of(len(index), allowed_rows, own_rows, self._excluded_rows)
        self._metadata: dict[str, TrackMetadata | None] = {}
        self._considered: Considered | None = None
        self.results: list[Result] = []
        self.next_query: VectorQuery | None = self._lowered(self._first_k())

    def _lowered(self, k: int) -> VectorQuery:
        return self._query.lowered(self._track_vectors, k, self._allowed_rows, self._excluded_rows)

    def _first_k(self) -> int:
        """The number of candidates to search first.

        With diversity it is always the same, or the next page would be chosen from other tracks.
        """
        if self._query.options.diversity:
            return limits.DIVERSITY_CANDIDATES
        return min(self._limit + limits.EXTRA_CANDIDATES, limits.MAX_RANKED)

    def without_metadata(self, hits: Hits) -> list[str]:
        """The hits' track ids whose metadata `add` needs and does not have yet."""
        ids = self._index.track_ids.of(hits.rows)
        return [track for track in ids if track not in self._metadata]

    def add(self, hits: Hits, metadata: Mapping[str, TrackMetadata]) -> None:
        """Rank the hits; `next_query` is then the query to search next, None when done."""
        ids = self._index.track_ids.of(hits.rows)
        self._metadata |= {each: metadata.get(each) for each in ids if each not in self._metadata}
        kept, candidates = self._with_file(hits, ids)
        positive, negative = self._query.examples(self._track_vectors)
        examples = np.concatenate([positive, negative]) if len(negative) else positive
        options, limit = self._query.options, min(self._limit, len(hits.rows))
        reranked = rerank(candidates, options, self._index.exact, examples, limit)
        self._considered = Considered.of(hits, kept, options, reranked)
        self.results = [
            self._result(rank, ids[kept[position]], float(candidates.scores[position]))
            for rank, position in enumerate(reranked.positions, 1)
        ]
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

    def _with_file(
        self, hits: Hits, ids: Sequence[str]
    ) -> tuple[NDArray[np.int64], RankedCandidates]:
        """The hits that have a file: their positions, int64 [c], and the candidates."""
        kept, groups = [], []
        for position, track_id in enumerate(ids):
            metadata = self._metadata.get(track_id)
            if metadata is not None and metadata.path is not None:
                kept.append(position)
                groups.append(groups_of(metadata, self._query.options))
        positions = np.array(kept, np.int64)
        return positions, RankedCandidates(hits.rows[positions], hits.scores[positions], groups)

    def _result(self, rank: int, track_id: str, score: float) -> Result:
        # With negative examples a `best_score` is not a cosine and has no percentile.
        query = self._query
        is_cosine = query.strategy == "average_vector" or not query.negative
        percentile = self._index.distribution.percentile(score) if is_cosine else None
        return Result(rank, track_id, score, percentile)
