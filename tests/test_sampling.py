"""A sample must be as large as was asked for, and reach over everything."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from soundalike.sampling import evenly


@given(count=st.integers(0, 5000), limit=st.integers(0, 300))
def test_as_many_as_asked_for_each_once_in_order(count: int, limit: int) -> None:
    chosen = evenly(range(count), limit)
    assert len(chosen) == min(count, limit)
    assert chosen == sorted(set(chosen))


@given(count=st.integers(2, 5000), limit=st.integers(2, 300))
def test_from_the_first_to_the_last_without_a_gap(count: int, limit: int) -> None:
    chosen = evenly(range(count), limit)
    assert (chosen[0], chosen[-1]) == (0, count - 1)
    gaps = [after - before for before, after in pairwise(chosen)]
    assert max(gaps) - min(gaps) <= 1


def test_a_limit_that_does_not_divide_the_items_is_kept() -> None:
    assert len(evenly(range(199), 100)) == 100
