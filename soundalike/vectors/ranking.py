"""From a question to a list, without asking anybody: whoever has the facts drives it.

ranking = Ranking(index, question, rows=None, wanted=10)
while (query := ranking.query) is not None:
    [hits] = index.answer([query])
    ranking.add(hits, facts of ranking.unknown(hits))
ranking.results
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors import limits
from soundalike.vectors.pick import Facts, Pool, choose, groups_of
from soundalike.vectors.query import Hits, Query
from soundalike.vectors.question import Question

if TYPE_CHECKING:  # the service loads faiss late
    from soundalike.vectors.search import OpenIndex

WIDER = 4  # times as many matches, where what was looked at left too few


@dataclass(frozen=True)
class Result:
    """A place in the list. `percentile`: how many percent of all pairs of tracks are less alike."""

    rank: int
    track_id: str
    score: float
    percentile: float | None


class Ranking:
    """The first `wanted` results of a question, with its rules kept exactly.

    `rows` are the only ones allowed, None allows all; the question's own tracks and `without` are
    left out. A track that has no facts, or no file any more, is passed over.
    """

    def __init__(
        self,
        index: "OpenIndex",
        question: Question,
        wanted: int,
        rows: NDArray[np.int64] | None = None,
        without: tuple[str, ...] = (),
    ) -> None:
        """Raises KeyError for an example that is not in the index, ValueError if no direction is
        left of the examples."""
        self._index, self._question, self._wanted = index, question, wanted
        self._of_tracks = index.vectors_of(question.tracks)
        self._rows, self._without = rows, index.rows_of({*question.tracks, *without})
        self._facts: dict[str, Facts | None] = {}
        self.results: list[Result] = []
        self.query: Query | None = self._asking(self._first_width())

    def _asking(self, width: int) -> Query:
        return self._question.query(self._of_tracks, width, self._rows, self._without)

    def _first_width(self) -> int:
        """With diversity always the same, or the next page would be chosen from other tracks."""
        if self._question.rules.diversity:
            return limits.DIVERSE_POOL
        return min(self._wanted + limits.SPARE_NEIGHBOURS, limits.MOST_RANKED)

    def unknown(self, hits: Hits) -> list[str]:
        """Of which tracks `add` needs facts: those that it was not given before."""
        ids = (self._index.track_ids[row] for row in hits.rows.tolist())
        return [track for track in ids if track not in self._facts]

    def add(self, hits: Hits, facts: Mapping[str, Facts]) -> None:
        """Rank what was found. `query` is what to ask next, None once the list is done."""
        self._facts |= {track: facts.get(track) for track in self.unknown(hits)}
        pool = self._pool(hits)
        positive, negative = self._question.examples(self._of_tracks)
        examples = np.concatenate([positive, negative]) if len(negative) else positive
        places = choose(
            pool,
            self._question.rules,
            self._index.exact,
            examples,
            min(self._wanted, len(hits.rows)),
        )
        self.results = [self._result(rank, pool, place) for rank, place in enumerate(places, 1)]
        width = self.query.k if self.query else 0
        enough = len(self.results) >= self._wanted or hits.complete
        done = enough or self._question.rules.diversity or width >= limits.MOST_RANKED
        self.query = None if done else self._asking(min(WIDER * width, limits.MOST_RANKED))

    def _pool(self, hits: Hits) -> Pool:
        """The hits that have a file."""
        kept, groups = [], []
        for place, row in enumerate(hits.rows.tolist()):
            facts = self._facts.get(self._index.track_ids[row])
            if facts is not None and facts.path is not None:
                kept.append(place)
                groups.append(groups_of(facts, self._question.rules))
        return Pool(hits.rows[kept], hits.values[kept], groups)

    def _result(self, rank: int, pool: Pool, place: int) -> Result:
        score = float(pool.values[place])
        # With unlike examples `best_score` is no cosine any more, and pairs tell nothing of it.
        asked = self._question
        is_cosine = asked.strategy == "average_vector" or not asked.negative
        percentile = self._index.distribution.percentile(score) if is_cosine else None
        return Result(rank, self._index.track_ids[pool.rows[place]], score, percentile)
