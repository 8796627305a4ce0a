"""How many of the true nearest an index finds, on queries that are none of its rows."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.artifact import Check
from soundalike.vectors.kinds import RECALL_FLOOR
from soundalike.vectors.query import Query, average_vector

if TYPE_CHECKING:  # checking a matrix must not load faiss
    from soundalike.vectors.search import OpenIndex

RECALL = "recall_at_10"
QUERIES, AT = 200, 10
AT_A_TIME = 50
SEED = 11


def held_out_queries(index: "OpenIndex", count: int = QUERIES) -> list[Query]:
    """What people ask, and no row answers by itself: half are tracks that are left out of their own
    answer, half are the middle between two tracks."""
    random = np.random.default_rng(SEED)
    rows = random.integers(0, len(index), (count, 2))
    queries = []
    for number, (first, second) in enumerate(rows):
        vectors = index.exact.vectors(np.array([first, second]))
        if number % 2 or float(vectors[0] @ vectors[1]) < -1 + 1e-3:  # opposites have no middle
            queries.append(Query(vectors[:1], AT, without=np.array([first])))
        else:
            queries.append(Query(average_vector(vectors, vectors[:0])[None], AT))
    return queries


def recall_at_10(index: "OpenIndex", queries: list[Query]) -> float:
    """The share of the true ten nearest (or of all, if fewer) that the index answers with.

    A row that is level with the true tenth counts as one of them.
    """
    found = wanted = 0
    for start in range(0, len(queries), AT_A_TIME):
        asked = queries[start : start + AT_A_TIME]
        for hits, true in zip(index.answer(asked), _true_values(index, asked), strict=True):
            found += int((hits.values[: len(true)] >= true.min(initial=2)).sum())
            wanted += len(true)
    return found / wanted if wanted else 1.0


def _true_values(index: "OpenIndex", queries: list[Query]) -> list[NDArray[np.float32]]:
    """Of each query the true ten best cosines, less what two ways of summing may differ by."""
    exact = index.exact
    count = min(AT + 1, exact.count)
    scores, rows = exact.candidates(np.concatenate([query.like for query in queries]), count)
    kept = [
        values[~np.isin(places, query.without)][:AT]
        for values, places, query in zip(scores, rows, queries, strict=True)
    ]
    return [values - np.float32(exact.margin) for values in kept]


def check_recall(index: "OpenIndex") -> Check:
    """Passed from the floor of the index's kind on."""
    floor = RECALL_FLOOR[index.manifest.kind]
    recall = recall_at_10(index, held_out_queries(index))
    return Check(
        name=RECALL,
        passed=recall >= floor,
        detail=f"{recall:.4f} on {QUERIES} held-out queries, at least {floor} is needed",
    )
