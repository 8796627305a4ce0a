"""k-nearest-neighbour search: find candidates, score them exactly, and read more if needed.

Whatever the candidates are, hits are ordered by (-score, row) of exact scores. Where it is not
certain that no better row lies outside the candidates, or a tie is cut, more rows are read, in the
end all.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.index.codes import Codes
from soundalike.vectors.index.exact import ExactVectors
from soundalike.vectors.index.scoring import best_of_each, divide, exhaustive
from soundalike.vectors.queries import Hits, VectorQuery, are_among

EXTRA_EXACT = 32  # exact candidates beyond k, so that the last one is seldom tied with the k-th
MIN_CANDIDATES, CANDIDATES_PER_RESULT = 400, 16  # of a search by codes
SAFE_FRACTION = 4  # hits by codes must be in the first quarter of the candidates
GROWTH = 4  # factor for the number of candidates, where the last did not suffice
EXHAUSTIVE_FRACTION = 4  # with candidates of over a quarter of the rows, reading all is no slower


Found = tuple[NDArray[np.float32], NDArray[np.int64]]  # of one vector, as in Candidates


@dataclass(frozen=True)
class Candidates:
    """Rows that may be near one example, by estimated score, best first: float32, int64 [c]."""

    estimates: NDArray[np.float32]
    rows: NDArray[np.int64]


def search(queries: Sequence[VectorQuery], exact: ExactVectors, codes: Codes | None) -> list[Hits]:
    """Search for the hits of each query; they do not depend on the other queries."""
    found = _by_codes(queries, exact, codes) if codes else _proven(queries, exact)
    return [found.get(number) or exhaustive(query, exact) for number, query in enumerate(queries)]


def _has_candidates(query: VectorQuery) -> bool:
    """Return whether candidates can be searched: not in a filter, nor by negatives alone."""
    return query.allowed_rows is None and len(query.positive) > 0


def _proven(queries: Sequence[VectorQuery], exact: ExactVectors) -> dict[int, Hits]:
    """The hits among exact candidates, by the query's number, where no row outside can be one."""
    searched = [number for number, query in enumerate(queries) if _has_candidates(query)]
    if not searched:
        return {}
    asked = [queries[number] for number in searched]
    count = min(max(q.k + len(q.excluded_rows) for q in asked) + EXTRA_EXACT, exact.count)
    estimates, rows = exact.candidates(_positive(asked), count)
    batch = _of_each(asked, zip(estimates, rows, strict=True))
    hits = _best_of_each(asked, batch, exact)
    found = zip(searched, asked, batch, hits, strict=True)
    return {n: best for n, query, each, best in found if _is_proven(query, best, each, exact)}


def _positive(queries: Sequence[VectorQuery]) -> NDArray[np.float32]:
    """The positive vectors of all queries, float32 [p, dim], which are searched together."""
    return np.concatenate([query.positive for query in queries])


def _of_each(queries: Sequence[VectorQuery], found: Iterable[Found]) -> list[list[Candidates]]:
    """Each query's candidates, of what was found for the positive vectors of all."""
    candidates = (Candidates(*each) for each in found)
    return [[next(candidates) for _ in query.positive] for query in queries]


def _is_proven(
    query: VectorQuery, hits: Hits, candidates: list[Candidates], exact: ExactVectors
) -> bool:
    """Return whether no row outside of these candidates can be a hit."""
    if len(candidates[0].rows) == exact.count:
        return True
    best_outside = max(float(each.estimates[-1]) for each in candidates) + exact.margin
    if len(query.negative):  # a row nearer to a negative example scores up to 0, however far it is
        best_outside = max(best_outside, 0.0)
    return len(hits.rows) == query.k and float(hits.scores[-1]) > best_outside


def _by_codes(queries: Sequence[VectorQuery], exact: ExactVectors, codes: Codes) -> dict[int, Hits]:
    """The hits among candidates by codes, or among more of them, by the query's number.

    None of a query for which they never suffice.
    """
    found: dict[int, Hits] = {}
    counts = {n: _first_count(query) for n, query in enumerate(queries) if _has_candidates(query)}
    while counts := {n: c for n, c in counts.items() if c * EXHAUSTIVE_FRACTION <= exact.count}:
        for count, numbers in _groups(queries, counts):
            asked = [queries[number] for number in numbers]
            batch = _of_each(asked, codes.candidates(_positive(asked), count))
            hits = _best_of_each(asked, batch, exact)
            for number, query, each, best in zip(numbers, asked, batch, hits, strict=True):
                if _is_safe(query, best, each):
                    found[number] = best
        counts = {number: GROWTH * count for number, count in counts.items() if number not in found}
    return found


def _groups(
    queries: Sequence[VectorQuery], counts: dict[int, int]
) -> Iterator[tuple[int, list[int]]]:
    """Numbers of queries of the same count of candidates, which are searched together."""
    for count in sorted(set(counts.values())):
        numbers = [number for number, wanted in counts.items() if wanted == count]
        for run in divide([count * len(queries[number].positive) for number in numbers]):
            yield count, numbers[run]


def _first_count(query: VectorQuery) -> int:
    """The number of candidates by codes to search first."""
    return max(MIN_CANDIDATES, CANDIDATES_PER_RESULT * query.k) + len(query.excluded_rows)


def _is_safe(query: VectorQuery, hits: Hits, candidates: list[Candidates]) -> bool:
    """Return whether each hit is in the first quarter of some example's candidates.

    A code's estimate is off by some hundredths. A hit far down every list suggests that others may
    be beyond the ends: on narrow vectors of 200 dimensions recall@10 is 0.9973 if it may be in the
    first half and 0.9995 in the first quarter. The end may also have cut off some of several equal
    vectors, whose estimates are equal. With negative examples, a score below every estimate, or
    below 0, may also belong to a row that was never near.
    """
    if len(hits.rows) < query.k or not all(len(each.rows) for each in candidates):
        return False
    safe = set(chain.from_iterable(_safe_rows(each).tolist() for each in candidates))
    if not safe.issuperset(hits.rows.tolist()):
        return False
    best_outside = max(0.0, *(float(each.estimates[-1]) for each in candidates))
    return not len(query.negative) or float(hits.scores[-1]) > best_outside


def _safe_rows(candidates: Candidates) -> NDArray[np.int64]:
    """Rows whose estimate, and all that are tied with it, are within the first quarter."""
    best_unsafe = candidates.estimates[len(candidates.rows) // SAFE_FRACTION]
    return candidates.rows[: np.count_nonzero(candidates.estimates > best_unsafe)]


def _rows_of(query: VectorQuery, candidates: list[Candidates]) -> NDArray[np.int64]:
    """All candidates of a query but for the rows that it excludes, in any order: int64 [m]."""
    rows = candidates[0].rows
    if len(candidates) > 1:  # a row may be there twice
        rows = np.unique(np.concatenate([each.rows for each in candidates]))
    if not len(query.excluded_rows):
        return rows
    return rows[~are_among(rows, np.sort(query.excluded_rows))]


def _best_of_each(
    queries: Sequence[VectorQuery], candidates: Sequence[list[Candidates]], exact: ExactVectors
) -> list[Hits]:
    """The k best of its candidates for each query."""
    rows = [_rows_of(query, each) for query, each in zip(queries, candidates, strict=True)]
    return best_of_each(queries, rows, exact)
