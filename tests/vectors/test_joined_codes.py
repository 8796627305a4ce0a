"""Codes of small segments are searched as one, by which no answer changes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from soundalike.vectors.index import codes as codes_module
from soundalike.vectors.index.codes import Codes, StoredCodes
from soundalike.vectors.index.quantizer import train_quantizer, write_codes
from soundalike.vectors.index.rows import NO_ROW, RowNumbers
from tests.indexes import unit_vectors
from tests.vectors.test_codes import opened

COUNT, CANDIDATES = 3000, 40
MATRIX = unit_vectors(COUNT, 96)
SIZES = (2000, 700, 33, 200, 1, 66)


@pytest.fixture
def parts(tmp_path: Path) -> list[tuple[NDArray[np.int64], StoredCodes]]:
    """The rows and the codes of segments; the last two are of another quantizer."""
    rows = np.split(np.random.default_rng(3).permutation(COUNT), np.cumsum(SIZES)[:-1])
    quantizers = train_quantizer(MATRIX), train_quantizer(MATRIX[::2] + 0.3)
    parts = []
    for number, each in enumerate(map(np.sort, rows)):
        write_codes(tmp_path / f"{number}", MATRIX[each], quantizers[number >= len(SIZES) - 2])
        parts.append((each, opened(tmp_path / f"{number}")))
    return parts


def together(
    parts: Sequence[tuple[NDArray[np.int64], StoredCodes]], gone: NDArray[np.int64]
) -> Codes:
    """The codes of the segments as a version has them that lacks some rows."""
    ids = [np.array([f"{row:04d}".encode() for row in rows]) for rows, _ in parts]
    kept = [~np.isin(rows, gone) for rows, _ in parts]
    numbers = RowNumbers(ids, [None if each.all() else np.flatnonzero(each) for each in kept])
    return Codes(numbers, [codes for _, codes in parts])


@pytest.mark.parametrize("gone", [0, 1, 900])
@pytest.mark.parametrize(("rows", "searched"), [(16_384, 2), (700, 4), (1000, 3)])
def test_candidates_are_those_of_each_segment_by_itself(
    parts: list[tuple[NDArray[np.int64], StoredCodes]],
    gone: int,
    rows: int,
    searched: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = np.random.default_rng(5).choice(COUNT, gone, replace=False)
    monkeypatch.setattr(codes_module, "JOINED_ROWS", 0)
    apart = together(parts, lost)
    assert len(apart._groups) == len(SIZES)
    monkeypatch.setattr(codes_module, "JOINED_ROWS", rows)
    joined = together(parts, lost)
    assert len(joined._groups) == searched
    queries = unit_vectors(20, 96, seed=1)
    for one, other in zip(
        apart.candidates(queries, CANDIDATES), joined.candidates(queries, CANDIDATES), strict=True
    ):
        assert one[0].tobytes() == other[0].tobytes()
        assert sorted(one[1].tolist()) == sorted(other[1].tolist())
        assert NO_ROW not in other[1]


def test_the_segments_own_codes_stay_as_they_are(
    parts: list[tuple[NDArray[np.int64], StoredCodes]],
) -> None:
    """Another version, opened later, has them too."""
    together(parts, np.empty(0, np.int64))
    assert tuple(codes.shape[0] for _, codes in parts) == SIZES
