"""What a query is lowered to: an average of its examples, and sets of rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.vectors.queries import TrackQuery, are_among, average_vector, unit

ROWS = st.lists(st.integers(0, 40), max_size=12)


@given(ROWS, st.sets(st.integers(0, 40)))
def test_rows_are_found_among_ascending_ones(rows: list[int], ascending: set[int]) -> None:
    found = are_among(np.array(rows, np.int64), np.array(sorted(ascending), np.int64))
    assert found.tolist() == [row in ascending for row in rows]


def test_an_average_leads_away_from_negative_examples() -> None:
    """Twice the mean of the positive ones less that of the others, as Qdrant defines it."""
    right, up, forward = np.eye(3, dtype=np.float32)
    found = average_vector(np.stack([right, up]), np.stack([forward, forward]))
    assert found.tolist() == pytest.approx([3**-0.5, 3**-0.5, -(3**-0.5)])
    found = average_vector(right[None], np.stack([right, up]))
    assert found.tolist() == pytest.approx([1.5 * 2.5**-0.5, -0.5 * 2.5**-0.5, 0])
    found = average_vector(np.stack([right, up, up, up]), np.empty((0, 3), np.float32))
    assert found.tolist() == pytest.approx([10**-0.5, 3 * 10**-0.5, 0])


@pytest.mark.parametrize("factor", [1e-200, 1.0, 1e200])
def test_a_vector_of_any_length_is_scaled_to_1(factor: float) -> None:
    found = unit(np.array([3 * factor, 0, -4 * factor]))
    assert found.tolist() == pytest.approx([0.6, 0, -0.8])


@pytest.mark.parametrize("number", [0, np.inf, -np.inf, np.nan])
def test_a_vector_without_a_direction_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="finite numbers that are not all 0"):
        unit(np.array([0, number, 0], np.float32))


def test_best_score_takes_vectors_as_positive_examples_and_needs_one_of_either_kind() -> None:
    a, b, given = np.eye(3, dtype=np.float32)
    query = TrackQuery(("a",), ("b",), vectors=given[None], strategy="best_score")
    positive, negative = query.lowered(np.stack([a, b]))
    assert (positive.tolist(), negative.tolist()) == ([[1, 0, 0], [0, 0, 1]], [[0, 1, 0]])
    positive, negative = TrackQuery(negative=("b",), strategy="best_score").lowered(b[None])
    assert (len(positive), negative.tolist()) == (0, [[0, 1, 0]])
    with pytest.raises(ValueError, match="needs an example"):
        TrackQuery(strategy="best_score").lowered(b[:0].reshape(0, 3))
