"""Hubs are found where they are, and block by block as at once."""

import numpy as np
import pytest

from soundalike.evaluation import hubness as module
from soundalike.evaluation.hubness import cosine_quantiles, hubness, nearest, occurrences
from soundalike.evaluation.study import unit_rows


def points(count: int = 50, dimension: int = 8) -> np.ndarray:
    return unit_rows(np.random.default_rng(1).standard_normal((count, dimension)))


def test_neighbours_are_not_the_nearest_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 7)
    vectors = points()
    found = nearest(vectors, 10)
    for row, similarity in enumerate(vectors @ vectors.T):
        order = [other for other in np.argsort(-similarity) if other != row]
        assert set(found[row].tolist()) == set(order[:10])


def test_a_collection_smaller_than_the_list_has_all_others() -> None:
    assert sorted(nearest(points(4), 10)[0].tolist()) == [1, 2, 3]


def test_a_hub_in_every_list_is_seen() -> None:
    neighbours = np.array([[1], *[[0]] * 9])
    assert occurrences(neighbours).tolist() == [9, 1, *[0] * 8]
    found = hubness(neighbours)
    counts = np.array([9, 1, *[0] * 8])
    expected = ((counts - 1) ** 3).mean() / counts.std() ** 3
    assert found.skewness == pytest.approx(expected)
    assert found.skewness > 2
    assert (found.orphans, found.largest_hub) == (0.8, 0.9)


def test_the_largest_hub_is_measured_in_lists_however_long_they_are() -> None:
    neighbours = np.array([[1, 2], [0, 2], [0, 3], [0, 4], [0, 3]])
    assert hubness(neighbours).largest_hub == 0.8, "track 0 is in 4 of 5 lists of 2"


def test_where_all_stand_equally_often_there_is_no_hubness() -> None:
    ring = np.array([[(row + 1) % 10] for row in range(10)])
    found = hubness(ring)
    assert (found.skewness, found.orphans, found.largest_hub) == (0, 0, 0.1)


def test_cosine_spread_counts_a_track_with_itself() -> None:
    assert cosine_quantiles(np.eye(5)).max() == 0
    vectors = points(30)
    cosines = (vectors @ vectors.T)[~np.eye(30, dtype=bool)]
    expected = np.quantile(cosines, module.QUANTILES)
    assert cosine_quantiles(vectors) == pytest.approx(expected, abs=0.02)
