"""Queries in a batch must be answered as each is alone, to the bit, and in bounded memory."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from soundalike.settings import KindChoice
from soundalike.vectors.index import scoring
from soundalike.vectors.index.codes import Codes
from soundalike.vectors.index.exact import ExactVectors
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.queries import VectorQuery
from tests.indexes import unit_vectors, write_index
from tests.vectors.test_exactness import with_ties

ROWS, DIMENSION = 9000, 32  # so many that codes are scanned twice before all is read
MATRIX = with_ties(ROWS, DIMENSION)
Counts = list[tuple[int, int]]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> OpenIndex:
    folder = tmp_path_factory.mktemp("codes") / "v"
    return OpenIndex.open(write_index(folder, MATRIX, choice="flat+pq"))


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    """The number of vectors and of candidates of each scan of the codes."""
    scans: Counts = []
    scan = Codes.candidates

    def noting(
        codes: Codes, queries: NDArray[np.float32], count: int
    ) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        scans.append((len(queries), count))
        return scan(codes, queries, count)

    monkeypatch.setattr(Codes, "candidates", noting)
    return scans


def queries() -> list[VectorQuery]:
    """Tracks, one of 300 equal ones among them, and others; several examples, negative ones."""
    others = unit_vectors(12, DIMENSION, seed=5)
    asked = [VectorQuery(MATRIX[row : row + 1], k) for row in (1, 17, 40, 900) for k in (1, 10, 25)]
    asked += [VectorQuery(vector[None], 10) for vector in others]
    asked += [
        VectorQuery(MATRIX[5:6], 10, excluded_rows=np.array([900, 5, 17])),
        VectorQuery(MATRIX[50:53], 20, negative=others[:2]),
        VectorQuery(others[:1], 10, allowed_rows=np.arange(0, ROWS, 7)),
        VectorQuery(MATRIX[:0], 3, negative=others[:1]),
    ]
    return asked


@pytest.mark.parametrize("size", [2, 3, 7, 32])
def test_an_answer_by_codes_does_not_depend_on_its_batch(
    index: OpenIndex, size: int, counts: Counts
) -> None:
    asked = queries()
    alone = [index.search([query])[0] for query in asked]
    counts.clear()
    together = [
        hits
        for start in range(0, len(asked), size)
        for hits in index.search(asked[start : start + size])
    ]
    for query, one, other in zip(asked, alone, together, strict=True):
        assert not np.isin(one.rows, query.excluded_rows).any()
        assert one.rows.tolist() == other.rows.tolist()
        assert one.scores.tobytes() == other.scores.tobytes()
    assert {count for _, count in counts} > {400, 1600}, f"some needed more candidates: {counts}"
    assert max(vectors for vectors, _ in counts) > 1, "some were scanned together"


def test_only_so_many_candidates_are_held_at_once(
    index: OpenIndex, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [VectorQuery(MATRIX[row : row + 1], 10) for row in range(9)]
    expected = [hits.scores.tobytes() for hits in index.search(asked)]
    monkeypatch.setattr(scoring, "MAX_TOGETHER", 1000)
    counts.clear()
    assert [hits.scores.tobytes() for hits in index.search(asked)] == expected
    assert [vectors for vectors, count in counts if count == 400] == [2, 2, 2, 2, 1]


@pytest.mark.parametrize("choice", ["flat", "flat+pq"])
def test_only_so_many_examples_are_compared_at_once(
    tmp_path: Path, choice: KindChoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query of many examples has the candidates of all of them, for each to be compared with."""
    opened = OpenIndex.open(write_index(tmp_path / "v", MATRIX, choice=choice))
    some = unit_vectors(40, DIMENSION, seed=7)
    asked = [VectorQuery(some[start : start + 4], 10) for start in range(0, 40, 8)]
    asked.insert(2, VectorQuery(some[:20], 25, negative=some[20:]))
    expected = [hits.scores.tobytes() for hits in opened.search(asked)]
    compared: list[int] = []
    together, most = ExactVectors.scores_of_each, 10_000

    def noting(
        exact: ExactVectors,
        queries: Sequence[NDArray[np.float32]],
        rows: Sequence[NDArray[np.int64]],
    ) -> list[NDArray[np.float32]]:
        compared.append(sum(map(len, rows)))
        return together(exact, queries, rows)

    monkeypatch.setattr(ExactVectors, "scores_of_each", noting)
    monkeypatch.setattr(scoring, "MAX_TOGETHER", most)
    assert [hits.scores.tobytes() for hits in opened.search(asked)] == expected
    assert compared, "those of few examples are compared together"
    assert max(compared) <= most
