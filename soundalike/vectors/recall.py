"""recall@10: the share of the true nearest rows that an index finds, on held-out queries."""

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.artifact_files import Check
from soundalike.vectors.kinds import RECALL_FLOOR
from soundalike.vectors.neighbours import NeighbourQuery, SearchIndex
from soundalike.vectors.queries import average_vector

if TYPE_CHECKING:  # checking a matrix must not load faiss
    from soundalike.vectors.index.open_index import OpenIndex

RECALL = "recall_at_10"
QUERIES, K = 200, 10
WHOLE_QUERIES = 20  # of an index of several segments, each of which was measured by itself
BATCH = 50
SEED = 11


def held_out_queries(index: "OpenIndex", count: int = QUERIES) -> list[NeighbourQuery]:
    """Queries as users make them, none of which can be its own hit.

    Half are tracks that are left out of their own hits, half are midpoints of two tracks.
    """
    random = np.random.default_rng(SEED)
    rows = random.integers(0, len(index), (count, 2))
    queries = []
    for number, (first, second) in enumerate(rows):
        vectors = index.exact.vectors(np.array([first, second]))
        if number % 2 or float(vectors[0] @ vectors[1]) < -1 + 1e-3:  # opposites have no midpoint
            queries.append(NeighbourQuery(vectors[:1], K, excluded=(index.track_ids[first],)))
        else:
            queries.append(NeighbourQuery(average_vector(vectors, vectors[:0])[None], K))
    return queries


def _found(
    searched: SearchIndex, index: "OpenIndex", queries: list[NeighbourQuery]
) -> tuple[int, int]:
    """The number of true ten nearest (or all, if fewer) that are found, and of all of them.

    A row that is tied with the true tenth counts as one of them.
    """
    correct = relevant = 0
    for start in range(0, len(queries), BATCH):
        batch = queries[start : start + BATCH]
        for hits, true in zip(searched.neighbours(batch), _true_scores(index, batch), strict=True):
            correct += int((hits.scores[: len(true)] >= true.min(initial=2)).sum())
            relevant += len(true)
    return correct, relevant


def _true_scores(index: "OpenIndex", queries: list[NeighbourQuery]) -> list[NDArray[np.float32]]:
    """Each query's true ten best cosines, float32 [10], less what two summations may differ by."""
    exact = index.exact
    count = min(K + 1, exact.count)
    scores, rows = exact.candidates(np.concatenate([query.positive for query in queries]), count)
    kept = [
        best[~np.isin(positions, index.rows_of(query.excluded))][:K]
        for best, positions, query in zip(scores, rows, queries, strict=True)
    ]
    return [best - np.float32(exact.margin) for best in kept]


def _most_missed(floor: float, relevant: int) -> int:
    """Return how many neighbours may be missed; a share of them, without its last digits' error."""
    return math.ceil(round((1 - floor) * relevant, 6))


def check_recall(
    index: "OpenIndex", count: int = QUERIES, searched: SearchIndex | None = None
) -> Check:
    """Check recall@10 against the floor of the index's kind; of another one `searched`, if given.

    That one has the same tracks, and `index` knows which of them are to be found.
    It passes with as many neighbours missed as the floor allows of so many, rounded up.
    """
    floor = RECALL_FLOOR[index.manifest.kind]
    found, relevant = _found(searched or index, index, held_out_queries(index, count))
    return Check(
        name=RECALL,
        passed=relevant - found <= _most_missed(floor, relevant),
        detail=f"{found / relevant if relevant else 1:.4f} on {count} held-out queries, at least "
        f"{floor} is needed",
    )
