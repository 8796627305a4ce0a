"""Removed tracks: how many each rule left out of a list, so that a short one explains itself.

Each track counts under the first rule that left it out, in the order of the fields of `Removed`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.neighbours import Neighbours
from soundalike.vectors.queries import are_among
from soundalike.vectors.rerank import PassedOver, Reranked, RerankOptions


@dataclass(frozen=True)
class Removed:
    """Numbers of tracks by the rule that left them out; `no_file`: the index still has them."""

    filter: int = 0
    exclude_ids: int = 0
    score_threshold: int = 0
    no_file: int = 0
    duplicate_threshold: int = 0
    per_artist: int = 0
    per_album: int = 0


@dataclass(frozen=True)
class Eligible:
    """The number of rows that a query allows, and of those left out before it."""

    rows: int
    by_filter: int
    by_exclusion: int

    @classmethod
    def of(
        cls,
        tracks: int,
        allowed: NDArray[np.int64] | None,
        examples: NDArray[np.int64],
        excluded: NDArray[np.int64],
    ) -> "Eligible":
        """Count in an index of so many tracks; rows are int64 [n], ascending.

        The examples are never results, and no rule's.
        """
        held = tracks if allowed is None else len(allowed)
        shown, not_shown = (
            len(rows) if allowed is None else int(are_among(rows, allowed).sum())
            for rows in (examples, excluded[~are_among(excluded, examples)])
        )
        return cls(held - shown - not_shown, tracks - held, not_shown)


@dataclass(frozen=True, eq=False)
class Considered:
    """The hits of a search, and what became of them.

    `kept`, int64 [c], are the positions of the candidates: the hits that have a file. `reached`:
    how many hits have the score that is asked for. `is_all`: no other track has it.
    """

    hits: int
    kept: NDArray[np.int64]
    reached: int
    is_all: bool
    reranked: Reranked

    @classmethod
    def of(
        cls, hits: Neighbours, kept: NDArray[np.int64], options: RerankOptions, reranked: Reranked
    ) -> "Considered":
        """Compare the hits' scores with the threshold; `kept` is int64 [c]."""
        least = -np.inf if options.score_threshold is None else options.score_threshold
        reached = int(np.count_nonzero(hits.scores >= least))
        is_all = hits.complete or reached < len(hits.scores)
        return cls(len(hits.track_ids), kept, reached, is_all, reranked)

    def removed(self, eligible: Eligible, options: RerankOptions, shown: int | None) -> Removed:
        """Count by rule. `shown` is the number of results on the pages so far, None for all.

        On pages before the last, tracks that would come after their end are not counted; with
        diversity, which has no such order, all candidates are.
        """
        end = self._end(shown, by_score=not options.diversity)

        def is_counted(each: PassedOver) -> bool:
            return (shown is None or each.chosen < shown) and self.kept[each.position] < end

        rules = [each.rule for each in self.reranked.left_out if is_counted(each)]
        has_score = min(end, self.reached)
        below = eligible.rows - self.reached if shown is None and self.is_all else 0
        return Removed(
            filter=eligible.by_filter,
            exclude_ids=eligible.by_exclusion,
            score_threshold=below,
            no_file=has_score - int(np.searchsorted(self.kept, has_score)),
            duplicate_threshold=rules.count("duplicate_threshold"),
            per_artist=rules.count("per_artist"),
            per_album=rules.count("per_album"),
        )

    def _end(self, shown: int | None, *, by_score: bool) -> int:
        """Return the position of the last shown result among the hits, or their number."""
        if shown is None or not by_score:
            return self.hits
        chosen = self.reranked.positions[:shown]
        return int(self.kept[chosen[-1]]) if len(chosen) else 0
