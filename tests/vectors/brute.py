"""What the answers must be: the definition, written out over every row, in float64."""

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.query import Query
from soundalike.vectors.search import OpenIndex


def values(query: Query, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """What each row is worth."""
    wide = matrix.astype(np.float64)
    like = (wide @ query.like.T.astype(np.float64)).max(axis=1, initial=-np.inf)
    far = (wide @ query.against.T.astype(np.float64)).max(axis=1, initial=-np.inf)
    return np.where(like > far, like, -np.square(np.where(far > -np.inf, far, 0)))


def allowed(query: Query, count: int) -> list[int]:
    rows = range(count) if query.rows is None else query.rows.tolist()
    return [row for row in rows if row not in set(query.without.tolist())]


def assert_is_best(index: OpenIndex, query: Query, matrix: NDArray[np.float32]) -> None:
    """The index's answer is the k best of the allowed rows, in order, and says what they are."""
    [hits] = index.answer([query])
    true, rows = values(query, matrix), allowed(query, len(matrix))
    assert len(hits.rows) == len(set(hits.rows.tolist())) == min(query.k, len(rows))
    assert hits.complete == (query.k >= len(rows))
    assert set(hits.rows.tolist()) <= set(rows)
    np.testing.assert_allclose(hits.values, true[hits.rows], atol=2e-6)
    order = sorted(zip((-hits.values).tolist(), hits.rows.tolist(), strict=True))
    assert [row for _, row in order] == hits.rows.tolist(), "by value, then by row"
    best = np.sort(true[rows])[::-1][: query.k]
    np.testing.assert_allclose(hits.values, best, atol=2e-6)
    # A tie that k cuts is cut in row order: no equal row that was left out comes before one taken.
    last = matrix[hits.rows[-1]] if len(hits.rows) else matrix[:0]
    level = np.flatnonzero((matrix == last).all(axis=1)) if len(hits.rows) else hits.rows
    level = [row for row in level.tolist() if row in set(rows)]
    taken = [row for row in level if row in set(hits.rows.tolist())]
    assert taken == level[: len(taken)]
