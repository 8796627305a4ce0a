"""Exact scores of given rows, and the k best of them for each query.

Scores are as VectorQuery defines them, of cosines in float32; ties go by row.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.index.exact import ExactVectors
from soundalike.vectors.queries import Hits, VectorQuery, are_among

MAX_TOGETHER = 65_536  # rows, times examples, of several queries that are held together


def exhaustive(query: VectorQuery, exact: ExactVectors) -> Hits:
    """The hits of an exhaustive search of the rows that are allowed, one vector after the other."""
    rows = np.arange(exact.count) if query.allowed_rows is None else query.allowed_rows
    if len(query.excluded_rows):
        excluded = query.excluded_rows[are_among(query.excluded_rows, rows)]
        rows = np.delete(rows, rows.searchsorted(excluded))
    return _scored_alone(query, rows, exact)


def _scored_alone(query: VectorQuery, rows: NDArray[np.int64], exact: ExactVectors) -> Hits:
    """The k best of these rows, for which one example is compared after the other."""
    near = [exact.scores(vector, rows) for vector in query.positive]
    far = [exact.scores(vector, rows) for vector in query.negative]
    return _best_of(query, rows, _scores(near, far), exact)


def best_of_each(
    queries: Sequence[VectorQuery], rows: Sequence[NDArray[np.int64]], exact: ExactVectors
) -> list[Hits]:
    """The k best of its rows, int64 [m], for each query; as many as may be together at once."""
    sizes = [
        len(its_rows) * (len(query.positive) + len(query.negative))
        for query, its_rows in zip(queries, rows, strict=True)
    ]
    hits: list[Hits] = []
    for run in divide(sizes):
        if sizes[run.start] > MAX_TOGETHER:
            hits.append(_scored_alone(queries[run.start], rows[run.start], exact))
        else:
            hits += _scored_together(queries[run], rows[run], exact)
    return hits


def divide(sizes: Sequence[int]) -> Iterator[slice]:
    """Divide what has these sizes, in its order: at most MAX_TOGETHER together, or one alone."""
    start = total = 0
    for number, size in enumerate(sizes):
        if number > start and total + size > MAX_TOGETHER:
            yield slice(start, number)
            start, total = number, 0
        total += size
    if sizes:
        yield slice(start, len(sizes))


def _scored_together(
    queries: Sequence[VectorQuery], rows: Sequence[NDArray[np.int64]], exact: ExactVectors
) -> list[Hits]:
    """The k best of its rows, int64 [m], for each query."""
    examples = [[*query.positive, *query.negative] for query in queries]
    read = [each for each, vectors in zip(rows, examples, strict=True) for _ in vectors]
    cosines = iter(exact.scores_of_each([*chain(*examples)], read))
    hits = []
    for query, its_rows in zip(queries, rows, strict=True):
        near, far = [[next(cosines) for _ in each] for each in (query.positive, query.negative)]
        hits.append(_best_of(query, its_rows, _scores(near, far), exact))
    return hits


def _best_of(
    query: VectorQuery,
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
    exact: ExactVectors,
) -> Hits:
    """The k rows of the best scores, ties by row."""
    chosen = top_k(scores, rows, query.k)
    complete = len(chosen) == _count_allowed(query, exact)
    return Hits(rows[chosen], scores[chosen], complete)


def _count_allowed(query: VectorQuery, exact: ExactVectors) -> int:
    if query.allowed_rows is None:
        return exact.count - len(query.excluded_rows)
    excluded = are_among(query.excluded_rows, query.allowed_rows)
    return len(query.allowed_rows) - int(excluded.sum())


def _scores(
    near: Sequence[NDArray[np.float32]], far: Sequence[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Each row's score, as VectorQuery defines it, by its cosines with each example: float32 [m].

    `near` are those with positive examples, `far` with negative ones, float32 [m] each.
    """
    if not far:
        best: NDArray[np.float32] = np.max(near, axis=0) if len(near) > 1 else near[0]
        return best
    farthest = np.max(far, axis=0)
    nearest = np.max(near, axis=0) if near else np.full_like(farthest, -np.inf)
    scores: NDArray[np.float32] = np.where(nearest > farthest, nearest, -farthest * farthest)
    return scores


def top_k(scores: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Positions of the k largest of float32 [m], largest first, ties by row: int64 [k]."""
    kept = np.arange(len(scores))
    if len(scores) > k:
        # All that are tied with the k-th are kept, and then the first of them are taken.
        kth = np.partition(scores, len(scores) - k)[len(scores) - k]
        kept = np.flatnonzero(scores >= kth)
    order = np.lexsort((rows[kept], -scores[kept]))
    return kept[order][:k]
