"""The best rows of a query: find candidates, score them exactly, and know when that was enough.

Whatever the candidates are, the answer is ordered by (-value, row) of exact values. Where it is not
certain that nothing better lies outside of them, or a tie is cut, more is read, in the end all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.codes import Codes
from soundalike.vectors.exact import ExactVectors
from soundalike.vectors.query import Hits, Query

SPARE = 32  # candidates of the exact index beyond k: its bound is seldom level with the k-th
FEWEST, A_RESULT = 400, 16  # candidates by codes: at least, and for each result
CLEAR = 4  # results must be in the first quarter of them
DEEPER = 4  # times as many, where the first were not enough
ALL_FROM = 4  # candidates of more than a quarter of the rows: reading all of them is no slower


@dataclass(frozen=True)
class Pool:
    """Candidates for one vector of `like`: rows and their guessed scores, best first."""

    guesses: NDArray[np.float32]
    rows: NDArray[np.int64]


def answer(queries: Sequence[Query], exact: ExactVectors, codes: Codes | None) -> list[Hits]:
    """The hits of each query. They do not depend on which others are asked with it."""
    if codes is None:
        pools = _pools_of_batch(queries, exact)
        return [
            _certain(query, pool, exact) or _of_all(query, exact)
            for query, pool in zip(queries, pools, strict=True)
        ]
    return [_by_codes(query, exact, codes) or _of_all(query, exact) for query in queries]


def _is_open(query: Query) -> bool:
    """Whether candidates for it can be looked for at all."""
    return query.rows is None and len(query.like) > 0


def _pools_of_batch(queries: Sequence[Query], exact: ExactVectors) -> list[list[Pool]]:
    """Each open query's candidates by the exact index, all vectors in one multiplication."""
    asked = [query for query in queries if _is_open(query)]
    if not asked:
        return [[] for _ in queries]
    count = min(max(q.k + len(q.without) for q in asked) + SPARE, exact.count)
    scores, rows = exact.candidates(np.concatenate([query.like for query in asked]), count)
    pools = iter([Pool(*pair) for pair in zip(scores, rows, strict=True)])
    return [[next(pools) for _ in query.like] if _is_open(query) else [] for query in queries]


def _certain(query: Query, pools: list[Pool], exact: ExactVectors) -> Hits | None:
    """The answer out of these pools, if no row outside of them can be in it."""
    if not pools:
        return None
    hits = _best(query, _united(pools), exact)
    if len(pools[0].rows) == exact.count:
        return hits
    best_outside = max(float(pool.guesses[-1]) for pool in pools) + exact.margin
    if len(query.against):  # what is unlike rather than like is worth up to 0, however far it is
        best_outside = max(best_outside, 0.0)
    full = len(hits.rows) == query.k and float(hits.values[-1]) > best_outside
    return hits if full else None


def _by_codes(query: Query, exact: ExactVectors, codes: Codes) -> Hits | None:
    """The answer out of candidates by codes, once none of it is found near the pools' ends."""
    if not _is_open(query):
        return None
    count = max(FEWEST, A_RESULT * query.k) + len(query.without)
    while count * ALL_FROM <= exact.count:
        pools = [Pool(*codes.candidates(vector, count)) for vector in query.like]
        hits = _best(query, _united(pools), exact)
        if len(hits.rows) == query.k and _is_clear(query, hits, pools):
            return hits
        count *= DEEPER
    return None


def _is_clear(query: Query, hits: Hits, pools: list[Pool]) -> bool:
    """Whether each hit is in the first quarter of some example's candidates.

    A code's guess is off by some hundredths. A hit far down every list says that others may be
    beyond the ends: on narrow vectors of 200 dimensions recall@10 is 0.9973 if it may be in the
    first half and 0.9995 in the first quarter. Of equal vectors, whose guesses are equal, the end
    may have cut some off. With examples of what is unlike, a value below every guess, or below 0,
    may also belong to a row that was never near.
    """
    clear = np.concatenate([_first_quarter(pool) for pool in pools])
    if not np.isin(hits.rows, clear).all():
        return False
    best_outside = max(0.0, *(float(pool.guesses[-1]) for pool in pools))
    return not len(query.against) or float(hits.values[-1]) > best_outside


def _first_quarter(pool: Pool) -> NDArray[np.int64]:
    """Rows whose guess, and all that are level with it, are within it."""
    level = len(pool.rows) - np.searchsorted(pool.guesses[::-1], pool.guesses)  # as good or better
    return pool.rows[level <= len(pool.rows) // CLEAR]


def _united(pools: list[Pool]) -> NDArray[np.int64]:
    rows: NDArray[np.int64] = np.unique(np.concatenate([pool.rows for pool in pools]))
    return rows


def _of_all(query: Query, exact: ExactVectors) -> Hits:
    """The answer by reading every row that is allowed."""
    return _best(query, query.rows, exact)


def _best(query: Query, rows: NDArray[np.int64] | None, exact: ExactVectors) -> Hits:
    """The k best of these rows, or of all; their values are final."""
    if len(query.without):
        rows = np.arange(exact.count) if rows is None else rows
        rows = rows[~np.isin(rows, query.without)]
    values = _values(query, rows, exact)
    chosen = top(values, query.k)
    best = chosen if rows is None else rows[chosen]
    return Hits(best, values[chosen], complete=len(best) == _allowed(query, exact))


def _allowed(query: Query, exact: ExactVectors) -> int:
    """How many rows the query allows."""
    if query.rows is None:
        return exact.count - len(query.without)
    return len(query.rows) - int(np.isin(query.without, query.rows).sum())


def _values(
    query: Query, rows: NDArray[np.int64] | None, exact: ExactVectors
) -> NDArray[np.float32]:
    """What each row is worth; see Query."""
    near = [exact.scores(vector, rows) for vector in query.like]
    if not len(query.against):
        best: NDArray[np.float32] = np.max(near, axis=0) if len(near) > 1 else near[0]
        return best
    far = np.max([exact.scores(vector, rows) for vector in query.against], axis=0)
    like = np.max(near, axis=0) if near else np.full_like(far, -np.inf)
    value: NDArray[np.float32] = np.where(like > far, like, -far * far)
    return value


def top(values: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Places of the k largest, largest first, equal ones in the order they have."""
    if len(values) > k:
        # All that are level with the k-th stay in, and then the first of them are taken.
        kth = np.partition(values, len(values) - k)[len(values) - k]
        kept = np.flatnonzero(values >= kth)
    else:
        kept = np.arange(len(values))
    order = np.argsort(-values[kept], kind="stable")
    return kept[order][:k]
