"""Each check must fail on what it is there for."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from soundalike.vectors.checks import check_index, check_matrix
from soundalike.vectors.index.open_index import OpenIndex
from tests.fakes import FAKE_SPACE
from tests.indexes import unit_vectors, write_index


def failed(matrix: NDArray[np.float32], dimension: int = 8, rows: int = 20) -> set[str]:
    return {check.name for check in check_matrix(matrix, dimension, rows) if not check.passed}


def test_valid_vectors_pass() -> None:
    assert failed(unit_vectors(20, 8)) == set()
    assert failed(np.empty((0, 8), np.float32), rows=0) == set()


def test_a_row_too_few_or_a_dimension_too_many_fails() -> None:
    assert failed(unit_vectors(19, 8)) == {"row_count"}
    assert failed(unit_vectors(20, 9)) == {"dimension"}


def test_a_row_that_is_not_finite_fails() -> None:
    matrix = unit_vectors(20, 8)
    matrix[3, 2] = np.nan
    assert "finite" in failed(matrix)


def test_a_row_that_is_not_of_unit_length_fails() -> None:
    matrix = unit_vectors(20, 8)
    matrix[3] *= 1.01
    assert failed(matrix) == {"unit_norm"}


@pytest.fixture
def matrix() -> NDArray[np.float32]:
    return unit_vectors(20, 16)


def failed_index(
    folder: Path,
    sample: dict[str, NDArray[np.float32] | None],
    spaces: dict[str, str] | None = None,
) -> set[str]:
    index = OpenIndex.open(folder)
    checks = check_index(index, spaces or {FAKE_SPACE.fingerprint: FAKE_SPACE.key}, sample)
    return {check.name for check in checks if not check.passed}


def test_a_valid_index_passes(tmp_path: Path, matrix: NDArray[np.float32]) -> None:
    folder = write_index(tmp_path / "v", matrix)
    assert failed_index(folder, {f"t{row:04d}": matrix[row] for row in range(20)}) == set()


def test_rows_that_were_mixed_up_fail(tmp_path: Path, matrix: NDArray[np.float32]) -> None:
    folder = write_index(tmp_path / "v", matrix)
    assert failed_index(folder, {"t0001": matrix[2], "t0002": matrix[1]}) == {"finds_itself"}


def test_a_track_that_no_batch_has_fails(tmp_path: Path, matrix: NDArray[np.float32]) -> None:
    assert failed_index(write_index(tmp_path / "v", matrix), {"t0001": None}) == {"finds_itself"}


def test_batches_of_two_spaces_fail(tmp_path: Path, matrix: NDArray[np.float32]) -> None:
    folder = write_index(tmp_path / "v", matrix)
    assert failed_index(folder, {}, {FAKE_SPACE.fingerprint: FAKE_SPACE.key, "1": "other"}) == {
        "one_space"
    }


def test_twins_do_not_fail(tmp_path: Path) -> None:
    twins = np.repeat(unit_vectors(5, 16), 2, axis=0)
    folder = write_index(tmp_path / "v", twins)
    assert failed_index(folder, {f"t{row:04d}": twins[row] for row in range(10)}) == set()
