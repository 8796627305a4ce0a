"""A percentile counts the pairs that are less alike: no equal one, and no track with itself."""

from pathlib import Path

import numpy as np
import pytest

from soundalike.vectors.index.distribution import SAMPLED_TRACKS, Distribution
from soundalike.vectors.index.open_index import OpenIndex
from tests.indexes import unit_vectors, write_index


def test_pairs_that_are_as_alike_do_not_count(tmp_path: Path) -> None:
    """The cosines of the six pairs are -0.5, 0 and 0.5, twice each."""
    rows = np.float32([[1, 0, 0, 0], [0.5, 0.5, 0.5, 0.5], [-0.5, 0.5, 0.5, -0.5], [0, 0, 0, 1]])
    found = Distribution.of(OpenIndex.open(write_index(tmp_path / "v", rows)).exact)
    shares = found.percentiles(np.float32([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0]))
    assert shares == pytest.approx([0, 0, 100 / 3, 200 / 3, 200 / 3, 100])


def test_the_pairs_of_a_large_index_are_those_of_tracks_from_all_of_it(tmp_path: Path) -> None:
    """All but the last of them are alike, and a tenth of the pairs is with one of those."""
    near, far = unit_vectors(2, 8)
    matrix = np.tile(near, (2 * SAMPLED_TRACKS, 1))
    matrix[-SAMPLED_TRACKS // 10 :] = far
    found = Distribution.of(OpenIndex.open(write_index(tmp_path / "v", matrix)).exact)
    assert found.percentiles(np.float32([0.999])) == pytest.approx([100 * 2 * 0.05 * 0.95], abs=0.1)
