"""The rows of a query: sets of them, which are compared without sorting many."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from soundalike.vectors.queries import are_among

ROWS = st.lists(st.integers(0, 40), max_size=12)


@given(ROWS, st.sets(st.integers(0, 40)))
def test_rows_are_found_among_ascending_ones(rows: list[int], ascending: set[int]) -> None:
    found = are_among(np.array(rows, np.int64), np.array(sorted(ascending), np.int64))
    assert found.tolist() == [row in ascending for row in rows]
