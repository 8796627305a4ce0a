"""Answers must be those of brute force: with ties, filters, exclusions, examples, in any batch."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundalike.settings import KindChoice
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.queries import VectorQuery
from tests.indexes import unit_vectors, write_index
from tests.vectors.brute import assert_is_best

ROWS, DIMENSION = 4000, 32


def with_ties(count: int, dimension: int) -> NDArray[np.float32]:
    """Random unit vectors; a third of the rows is a copy of another, one is there 300 times."""
    random = np.random.default_rng(3)
    matrix = unit_vectors(count, dimension)
    copies = random.choice(count, count // 3, replace=False)
    matrix[copies] = matrix[random.integers(0, count, len(copies))]
    matrix[random.choice(count, 300, replace=False)] = matrix[17]
    return matrix


MATRIX = with_ties(ROWS, DIMENSION)


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> OpenIndex:
    return OpenIndex.open(write_index(tmp_path_factory.mktemp("flat") / "v", MATRIX))


@pytest.mark.parametrize("shape", [DIMENSION - 1, DIMENSION + 1, (1, DIMENSION)])
def test_a_query_of_another_shape_is_refused(flat: OpenIndex, shape: int | tuple[int, int]) -> None:
    """faiss would read beyond the end of a shorter one."""
    with pytest.raises(ValueError, match=f"for vectors of {DIMENSION}"):
        flat.exact.scores(np.zeros(shape, np.float32))


@st.composite
def queries(draw: st.DrawFn) -> VectorQuery:
    """Examples that are rows or none, few or many allowed rows, some left out."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    pool = np.concatenate([MATRIX, unit_vectors(50, DIMENSION, seed=9), MATRIX[17:18]])
    positives = draw(st.integers(0, 3))
    negatives = draw(st.integers(0 if positives else 1, 2))
    share = draw(st.sampled_from([None, 1.0, 0.5, 0.1, 0.01, 0.001, 0.0]))
    chosen = None if share is None else np.flatnonzero(random.random(ROWS) < share)
    return VectorQuery(
        pool[random.integers(0, len(pool), positives)],
        draw(st.sampled_from([1, 2, 10, 50, 220, ROWS])),
        pool[random.integers(0, len(pool), negatives)],
        chosen,
        np.unique(random.integers(0, ROWS, draw(st.integers(0, 20)))),
    )


@given(query=queries())
def test_any_query_is_answered_as_by_brute_force(flat: OpenIndex, query: VectorQuery) -> None:
    assert_is_best(flat, query, MATRIX)


@pytest.mark.parametrize("k", [1, 5, 40, 299, 300, 301])
def test_a_tie_cut_by_k_is_cut_in_id_order(flat: OpenIndex, k: int) -> None:
    [hits] = flat.search([VectorQuery(MATRIX[17:18], k)])
    same = np.flatnonzero((MATRIX[17] == MATRIX).all(axis=1))
    assert hits.rows[: len(same)].tolist() == same[:k].tolist()


def test_a_tie_at_0_with_a_row_that_was_never_near_is_cut_in_id_order(tmp_path: Path) -> None:
    """Nearer to a negative example that it has nothing to do with, a row scores 0, far as it is."""
    matrix = np.tile(np.float32([-0.6, 0, 0.8, 0]), (200, 1))
    matrix[0] = (-0.8, 0, 0.6, 0)  # the last that is looked at
    positive, negative = np.eye(4, dtype=np.float32)[:2]
    index = OpenIndex.open(write_index(tmp_path / "v", matrix))
    [hits] = index.search([VectorQuery(positive[None], 10, negative=negative[None])])
    assert hits.rows.tolist() == list(range(10))
    assert (hits.scores == 0).all()


def test_a_row_as_near_to_a_negative_example_scores_minus_its_square(tmp_path: Path) -> None:
    """Qdrant defines `best_score` so; cosines here are exact in binary."""
    matrix = np.float32([[1, 0, 0, 0], [0.5, 0.5, 0.5, 0.5], [-0.5, 0.5, 0.5, -0.5]])
    index = OpenIndex.open(write_index(tmp_path / "v", matrix))
    [hits] = index.search([VectorQuery(matrix[:1], 3, negative=matrix[:1])])
    assert list(zip(hits.rows, hits.scores, strict=True)) == [(1, -0.25), (2, -0.25), (0, -1)]
    [hits] = index.search([VectorQuery(matrix[:1], 3, negative=matrix[1:2])])
    assert list(zip(hits.rows, hits.scores, strict=True)) == [(0, 1), (2, 0), (1, -1)]


@pytest.mark.parametrize(("k", "complete"), [(1, False), (2, True), (9, True)])
def test_an_answer_is_complete_that_has_all_allowed_rows_but_the_excluded(
    flat: OpenIndex, k: int, complete: bool
) -> None:
    allowed, excluded = np.array([3, 5, 8]), np.array([5, 9])
    query = VectorQuery(MATRIX[:1], k, allowed_rows=allowed, excluded_rows=excluded)
    [hits] = flat.search([query])
    assert set(hits.rows.tolist()) <= {3, 8}
    assert (len(hits.rows), hits.complete) == (min(k, 2), complete)


def test_rows_that_differ_by_less_than_rounding_are_ranked_by_their_exact_scores(
    tmp_path: Path,
) -> None:
    """Candidates are scored in another order of summing, which may rank such rows otherwise."""
    center, query = unit_vectors(1, 512, seed=2), unit_vectors(1, 512, seed=4)
    matrix = center + 1e-6 * unit_vectors(500, 512, seed=3)
    index = OpenIndex.open(write_index(tmp_path / "v", matrix))
    best = np.argsort(-index.exact.scores(query[0]), kind="stable")
    for k in (1, 10, 100):
        for hits in index.search([VectorQuery(query, k)] * 64):  # BLAS scores their candidates
            assert hits.rows.tolist() == best[:k].tolist()


def test_no_score_is_beyond_1_however_lengths_were_rounded(tmp_path: Path) -> None:
    vector = unit_vectors(1, DIMENSION)[0] * np.float32(1 + 1e-6)
    index = OpenIndex.open(write_index(tmp_path / "v", np.stack([vector, -vector])))
    assert np.abs(vector @ vector) > 1
    assert index.exact.scores(vector).tolist() == [1.0, -1.0]


@pytest.mark.parametrize("choice", ["flat", "flat+pq"])
def test_an_answer_does_not_depend_on_its_batch(choice: KindChoice, tmp_path: Path) -> None:
    """One query is summed by SIMD, many by BLAS: the last bits differ unless somebody cares."""
    index = OpenIndex.open(write_index(tmp_path / "v", MATRIX, choice=choice))
    asked = [VectorQuery(MATRIX[row : row + 1], 10 + row % 3) for row in range(64)]
    asked += [VectorQuery(vector[None], 10) for vector in unit_vectors(64, DIMENSION, seed=5)]
    alone = [index.search([query])[0] for query in asked]
    for size in (2, 5, 32, 128):
        for start in range(0, len(asked), size):
            for one, other in zip(
                index.search(asked[start : start + size]), alone[start : start + size], strict=True
            ):
                assert one.rows.tolist() == other.rows.tolist()
                assert one.scores.tolist() == other.scores.tolist()


def test_a_row_that_is_not_there_is_not_read(flat: OpenIndex) -> None:
    for row in (-1, ROWS, 10**15):
        with pytest.raises(IndexError, match="beyond"):
            flat.search([VectorQuery(MATRIX[:1], 1, allowed_rows=np.array([row]))])


@pytest.mark.parametrize("choice", ["flat", "flat+pq"])
@pytest.mark.parametrize("seed", range(8))
def test_examples_that_point_away_from_everything_find_the_best_all_the_same(
    choice: KindChoice, seed: int, tmp_path: Path
) -> None:
    """In a narrow space all cosines with them are below 0, also those outside of a pool."""
    random = np.random.default_rng(seed)
    narrow = random.standard_normal((3000, 64)) + 2 * random.standard_normal(64)
    matrix = (narrow / np.linalg.norm(narrow, axis=1, keepdims=True)).astype(np.float32)
    index = OpenIndex.open(write_index(tmp_path / "v", matrix, choice=choice))
    away = -matrix[:1]
    negative = unit_vectors(1, 64, seed=seed)
    assert_is_best(index, VectorQuery(away, 10, negative=negative), matrix)
    assert_is_best(
        index, VectorQuery(np.concatenate([away, matrix[5:7]]), 10, negative=negative), matrix
    )
