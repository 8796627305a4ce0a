"""Vectors that are written row by row make the file that faiss writes, and no other."""

from pathlib import Path

import numpy as np
import pytest

from soundalike.vectors.index.exact_file import write_exact_rows
from tests.indexes import write_exact


@pytest.mark.parametrize("count", [1, 2, 65, 1000])
@pytest.mark.parametrize("dimension", [1, 200, 768])
def test_the_file_is_the_one_of_faiss_to_the_byte(
    tmp_path: Path, count: int, dimension: int
) -> None:
    random = np.random.default_rng(count)
    matrix = random.standard_normal((count, dimension), np.float32)
    places = random.permutation(count)
    came = matrix[places]
    write_exact(tmp_path / "faiss", matrix)
    blocks = (came[start : start + 64] for start in range(0, count, 64))
    mapped = write_exact_rows(tmp_path / "ours", places, dimension, blocks)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "faiss").read_bytes()
    assert np.array_equal(mapped, matrix)


@pytest.mark.parametrize("missing", [1, -1])
def test_a_block_too_many_or_too_few_is_an_error_and_no_index(tmp_path: Path, missing: int) -> None:
    blocks = [np.zeros((4 - missing, 3), np.float32)]
    with pytest.raises(ValueError, match="for 4 rows"):
        write_exact_rows(tmp_path / "file", np.arange(4), 3, blocks)


def test_numbers_of_another_kind_are_refused(tmp_path: Path) -> None:
    blocks = [np.zeros((2, 3), np.float64)]
    with pytest.raises(ValueError, match="float64"):
        write_exact_rows(tmp_path / "file", np.arange(2), 3, blocks)  # type: ignore[arg-type]
