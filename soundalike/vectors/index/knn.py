"""k-nearest-neighbour search: find candidates, score them exactly, and read more if needed.

Whatever the candidates are, hits are ordered by (-score, row) of exact scores. Where it is not
certain that no better row lies outside the candidates, or a tie is cut, more rows are read, in the
end all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.index.codes import Codes
from soundalike.vectors.index.exact import ExactVectors
from soundalike.vectors.queries import Hits, VectorQuery, are_among

EXTRA_EXACT = 32  # exact candidates beyond k, so that the last one is seldom tied with the k-th
MIN_CANDIDATES, CANDIDATES_PER_RESULT = 400, 16  # of a search by codes
SAFE_FRACTION = 4  # hits by codes must be in the first quarter of the candidates
GROWTH = 4  # factor for the number of candidates, where the last did not suffice
EXHAUSTIVE_FRACTION = 4  # with candidates of over a quarter of the rows, reading all is no slower


@dataclass(frozen=True)
class Candidates:
    """Rows that may be near one example, by estimated score, best first: float32, int64 [c]."""

    estimates: NDArray[np.float32]
    rows: NDArray[np.int64]


def search(queries: Sequence[VectorQuery], exact: ExactVectors, codes: Codes | None) -> list[Hits]:
    """Search for the hits of each query; they do not depend on the other queries."""
    if codes is None:
        batch = _exact_candidates(queries, exact)
        return [
            _exact_if_proven(query, candidates, exact) or _exhaustive(query, exact)
            for query, candidates in zip(queries, batch, strict=True)
        ]
    batch = _coded_candidates(queries, exact, codes)
    return [
        _by_codes(query, candidates, exact, codes) or _exhaustive(query, exact)
        for query, candidates in zip(queries, batch, strict=True)
    ]


def _has_candidates(query: VectorQuery) -> bool:
    """Return whether candidates can be searched: not in a filter, nor by negatives alone."""
    return query.allowed_rows is None and len(query.positive) > 0


def _exact_candidates(
    queries: Sequence[VectorQuery], exact: ExactVectors
) -> list[list[Candidates]]:
    """Candidates for each positive vector of each query, all in one multiplication."""
    searched = [query for query in queries if _has_candidates(query)]
    if not searched:
        return [[] for _ in queries]
    count = min(max(q.k + len(q.excluded_rows) for q in searched) + EXTRA_EXACT, exact.count)
    estimates, rows = exact.candidates(np.concatenate([q.positive for q in searched]), count)
    candidates = iter([Candidates(*pair) for pair in zip(estimates, rows, strict=True)])
    return [
        [next(candidates) for _ in query.positive] if _has_candidates(query) else []
        for query in queries
    ]


def _first_count(query: VectorQuery) -> int:
    """The number of candidates by codes to search first."""
    return max(MIN_CANDIDATES, CANDIDATES_PER_RESULT * query.k) + len(query.excluded_rows)


def _coded_candidates(
    queries: Sequence[VectorQuery], exact: ExactVectors, codes: Codes
) -> list[list[Candidates]]:
    """Candidates for each positive vector of each query, scanned together; none if all is read."""
    by_count: dict[int, list[int]] = {}
    for number, query in enumerate(queries):
        count = _first_count(query)
        if _has_candidates(query) and count * EXHAUSTIVE_FRACTION <= exact.count:
            by_count.setdefault(count, []).append(number)
    batch: list[list[Candidates]] = [[] for _ in queries]
    for count, numbers in by_count.items():
        vectors = np.concatenate([queries[number].positive for number in numbers])
        found = iter(codes.candidates(vectors, count))
        for number in numbers:
            batch[number] = [Candidates(*next(found)) for _ in queries[number].positive]
    return batch


def _exact_if_proven(
    query: VectorQuery, candidates: list[Candidates], exact: ExactVectors
) -> Hits | None:
    """The hits among these candidates, or None if a row outside of them could be one."""
    if not candidates:
        return None
    hits = _best_of(query, _union(candidates), exact)
    if len(candidates[0].rows) == exact.count:
        return hits
    best_outside = max(float(each.estimates[-1]) for each in candidates) + exact.margin
    if len(query.negative):  # a row nearer to a negative example scores up to 0, however far it is
        best_outside = max(best_outside, 0.0)
    proven = len(hits.rows) == query.k and float(hits.scores[-1]) > best_outside
    return hits if proven else None


def _by_codes(
    query: VectorQuery, candidates: list[Candidates], exact: ExactVectors, codes: Codes
) -> Hits | None:
    """The hits among these candidates, or more of them; None if they never suffice."""
    count = _first_count(query)
    while candidates:
        if all(len(each.rows) for each in candidates):
            hits = _best_of(query, _union(candidates), exact)
            if len(hits.rows) == query.k and _is_safe(query, hits, candidates):
                return hits
        count *= GROWTH
        if count * EXHAUSTIVE_FRACTION > exact.count:
            break
        candidates = [Candidates(*pair) for pair in codes.candidates(query.positive, count)]
    return None


def _is_safe(query: VectorQuery, hits: Hits, candidates: list[Candidates]) -> bool:
    """Return whether each hit is in the first quarter of some example's candidates.

    A code's estimate is off by some hundredths. A hit far down every list suggests that others may
    be beyond the ends: on narrow vectors of 200 dimensions recall@10 is 0.9973 if it may be in the
    first half and 0.9995 in the first quarter. The end may also have cut off some of several equal
    vectors, whose estimates are equal. With negative examples, a score below every estimate, or
    below 0, may also belong to a row that was never near.
    """
    safe = np.concatenate([_safe_rows(each) for each in candidates])
    if not set(safe.tolist()).issuperset(hits.rows.tolist()):
        return False
    best_outside = max(0.0, *(float(each.estimates[-1]) for each in candidates))
    return not len(query.negative) or float(hits.scores[-1]) > best_outside


def _safe_rows(candidates: Candidates) -> NDArray[np.int64]:
    """Rows whose estimate, and all that are tied with it, are within the first quarter."""
    best_unsafe = candidates.estimates[len(candidates.rows) // SAFE_FRACTION]
    safe: NDArray[np.int64] = candidates.rows[candidates.estimates > best_unsafe]
    return safe


def _union(candidates: list[Candidates]) -> NDArray[np.int64]:
    if len(candidates) == 1:  # no row is there twice
        rows: NDArray[np.int64] = np.sort(candidates[0].rows)
    else:
        rows = np.unique(np.concatenate([each.rows for each in candidates]))
    return rows


def _exhaustive(query: VectorQuery, exact: ExactVectors) -> Hits:
    """The hits of an exhaustive search of the rows that are allowed."""
    return _best_of(query, query.allowed_rows, exact)


def _best_of(query: VectorQuery, rows: NDArray[np.int64] | None, exact: ExactVectors) -> Hits:
    """The k best of these rows, which are ascending, or of all, with exact scores."""
    if len(query.excluded_rows):
        rows = np.arange(exact.count) if rows is None else rows
        excluded = query.excluded_rows[are_among(query.excluded_rows, rows)]
        rows = np.delete(rows, rows.searchsorted(excluded))
    scores = _scores(query, rows, exact)
    chosen = top_k(scores, query.k)
    best = chosen if rows is None else rows[chosen]
    return Hits(best, scores[chosen], complete=len(best) == _count_allowed(query, exact))


def _count_allowed(query: VectorQuery, exact: ExactVectors) -> int:
    if query.allowed_rows is None:
        return exact.count - len(query.excluded_rows)
    excluded = are_among(query.excluded_rows, query.allowed_rows)
    return len(query.allowed_rows) - int(excluded.sum())


def _scores(
    query: VectorQuery, rows: NDArray[np.int64] | None, exact: ExactVectors
) -> NDArray[np.float32]:
    """Each row's score, as VectorQuery defines it: float32 [rows]."""
    near = [exact.scores(vector, rows) for vector in query.positive]
    if not len(query.negative):
        best: NDArray[np.float32] = np.max(near, axis=0) if len(near) > 1 else near[0]
        return best
    far = np.max([exact.scores(vector, rows) for vector in query.negative], axis=0)
    nearest = np.max(near, axis=0) if near else np.full_like(far, -np.inf)
    scores: NDArray[np.float32] = np.where(nearest > far, nearest, -far * far)
    return scores


def top_k(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Positions of the k largest of float32 [n], largest first, ties in their order: int64 [k]."""
    if len(scores) > k:
        # All that are tied with the k-th are kept, and then the first of them are taken.
        kth = np.partition(scores, len(scores) - k)[len(scores) - k]
        kept = np.flatnonzero(scores >= kth)
    else:
        kept = np.arange(len(scores))
    order = np.argsort(-scores[kept], kind="stable")
    return kept[order][:k]
