"""The definition of the best rows, written out over every row in float64."""

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.queries import VectorQuery

TOLERANCE = 2e-6  # float32 sums against float64 ones


def possible_scores(query: VectorQuery, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """The two scores that each row may have: float64 [2, rows].

    They differ only where a row is as near to a negative example as to a positive one: which of the
    two formulas holds there is decided by the last bits of a sum.
    """
    wide = matrix.astype(np.float64)
    near = (wide @ query.positive.T.astype(np.float64)).max(axis=1, initial=-np.inf)
    far = (wide @ query.negative.T.astype(np.float64)).max(axis=1, initial=-np.inf)
    penalty = -np.square(np.where(far > -np.inf, far, 0))
    level = np.abs(near - far) <= TOLERANCE
    score = np.where(near > far, near, penalty)
    return np.stack([np.where(level, near, score), np.where(level, penalty, score)])


def allowed(query: VectorQuery, count: int) -> list[int]:
    rows = range(count) if query.allowed_rows is None else query.allowed_rows.tolist()
    return [row for row in rows if row not in set(query.excluded_rows.tolist())]


def assert_is_best(index: OpenIndex, query: VectorQuery, matrix: NDArray[np.float32]) -> None:
    """The index's hits are the k best of the allowed rows, in order, with their scores."""
    [hits] = index.search([query])
    possible, rows = possible_scores(query, matrix), allowed(query, len(matrix))
    taken = set(hits.rows.tolist())
    assert len(hits.rows) == len(taken) == min(query.k, len(rows))
    assert hits.complete == (query.k >= len(rows))
    assert taken <= set(rows)
    apart = np.abs(possible[:, hits.rows] - hits.scores).min(axis=0)
    assert apart.max(initial=0) <= TOLERANCE
    order = sorted(zip((-hits.scores).tolist(), hits.rows.tolist(), strict=True))
    assert [row for _, row in order] == hits.rows.tolist(), "by value, then by row"
    left_out = [row for row in rows if row not in taken]
    if left_out and taken:
        assert possible.min(axis=0)[left_out].max() <= hits.scores[-1] + TOLERANCE
    # A tie that k cuts is cut in row order: no equal row that was left out comes before one taken.
    last = matrix[hits.rows[-1]] if len(hits.rows) else matrix[:0]
    level = np.flatnonzero((matrix == last).all(axis=1)) if len(hits.rows) else hits.rows
    tied = [row for row in level.tolist() if row in set(rows)]
    kept = [row for row in tied if row in taken]
    assert kept == tied[: len(kept)]
