"""Codes must find the nearest: in narrow and wide spaces, and as older releases wrote them."""

from pathlib import Path

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from soundalike.vectors.artifact_files import CODES
from soundalike.vectors.index import quantizer as quantizer_module
from soundalike.vectors.index.codes import Codes, StoredCodes
from soundalike.vectors.index.quantizer import quantizer_in, rotation, train_quantizer, write_codes
from soundalike.vectors.index.rows import RowNumbers
from tests.indexes import unit_vectors

COUNT, NEAREST, CANDIDATES = 6000, 10, 100


def space(dimension: int, exponent: float, seed: int) -> NDArray[np.float32]:
    """Clusters around a common mean, with a power-law spectrum; other seeds give other members."""
    scale = np.arange(1.0, dimension + 1) ** -exponent
    centres = np.random.default_rng(1).standard_normal((100, dimension)) * scale
    random = np.random.default_rng(seed)
    matrix = centres[random.integers(0, 100, COUNT)] + 2 * scale
    matrix += 0.6 * random.standard_normal((COUNT, dimension)) * scale
    return (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)


def opened(path: Path) -> StoredCodes:
    return StoredCodes(faiss.read_index(str(path)))


@pytest.mark.parametrize(
    ("dimension", "exponent"), [(8, 0.0), (50, 0.7), (201, 0.7), (384, 0.0), (384, 0.7), (384, 1.6)]
)
def test_the_nearest_are_candidates_however_wide_the_space(
    dimension: int, exponent: float, tmp_path: Path
) -> None:
    matrix = space(dimension, exponent, seed=2)
    write_codes(tmp_path / CODES, matrix)
    codes = opened(tmp_path / CODES)
    queries = space(dimension, exponent, seed=3)[:100]
    true = np.argsort(-queries @ matrix.T, axis=1)[:, :NEAREST]
    found = [codes.best(query[None], CANDIDATES)[1] for query in queries]
    assert np.mean([np.isin(a, b) for a, b in zip(true, found, strict=True)]) >= 0.99


def test_estimates_are_cosines(tmp_path: Path) -> None:
    matrix = space(384, 0.7, seed=2)
    write_codes(tmp_path / CODES, matrix)
    estimates, rows = opened(tmp_path / CODES).best(matrix[:1], CANDIDATES)
    assert np.abs(estimates[0] - matrix[rows[0]] @ matrix[0]).max() < 0.05
    assert (np.diff(estimates[0]) <= 0).all()


def test_estimates_do_not_depend_on_the_other_queries(tmp_path: Path) -> None:
    matrix, queries = space(384, 0.7, seed=2), space(384, 0.7, seed=3)[:33]
    write_codes(tmp_path / CODES, matrix)
    codes = Codes(RowNumbers([np.arange(COUNT).astype("S8")], [None]), [opened(tmp_path / CODES)])
    together = codes.candidates(queries, CANDIDATES)
    for query, (estimates, rows) in zip(queries, together, strict=True):
        [(alone, its_rows)] = codes.candidates(query[None], CANDIDATES)
        assert alone.tobytes() == estimates.tobytes()
        assert sorted(its_rows.tolist()) == sorted(rows.tolist())


@pytest.mark.parametrize("dimension", [8, 400])
def test_queries_of_another_dimension_are_refused(dimension: int, tmp_path: Path) -> None:
    write_codes(tmp_path / CODES, space(50, 0.7, seed=2))
    with pytest.raises(ValueError, match="for codes of 50 dimensions"):
        opened(tmp_path / CODES).best(unit_vectors(3, dimension), 10)


def test_queries_of_any_layout_are_searched(tmp_path: Path) -> None:
    matrix = space(50, 0.7, seed=2)
    write_codes(tmp_path / CODES, matrix)
    codes, queries = opened(tmp_path / CODES), matrix[:4]
    for other in (np.asfortranarray(queries), queries.astype(np.float64)):
        assert codes.best(other, 10)[1].tolist() == codes.best(queries, 10)[1].tolist()


def test_a_segments_quantizer_makes_the_same_codes_of_other_vectors(tmp_path: Path) -> None:
    matrix, others = space(64, 0.7, seed=2), space(64, 0.7, seed=3)
    quantizer = train_quantizer(matrix)
    (tmp_path / "segment").mkdir()
    write_codes(tmp_path / "segment" / CODES, matrix, quantizer)
    write_codes(tmp_path / "one", others, quantizer)
    write_codes(tmp_path / "other", others, quantizer_in(tmp_path / "segment"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert quantizer.ntotal == 0, "the quantizer itself stays without vectors"


def test_too_few_vectors_or_equal_ones_are_coded_all_the_same(tmp_path: Path) -> None:
    for matrix in (unit_vectors(1, 24), np.repeat(unit_vectors(1, 24), 2000, axis=0)):
        write_codes(tmp_path / CODES, matrix)
        estimates, rows = opened(tmp_path / CODES).best(matrix[:1], 1)
        assert 0 <= rows[0, 0] < len(matrix)
        assert estimates[0, 0] > 0.5


def test_codes_of_one_bit_as_older_releases_wrote_them_find_the_nearest() -> None:
    matrix = space(96, 0.7, seed=2)
    inner = faiss.IndexRaBitQFastScan(96, faiss.METRIC_INNER_PRODUCT)
    rotated = rotation(96).apply(matrix)
    inner.train(rotated.mean(axis=0)[None])
    inner.add(rotated)
    codes = Codes(RowNumbers([np.arange(COUNT).astype("S8")], [None]), [StoredCodes(inner)])
    queries = space(96, 0.7, seed=3)[:50]
    true = np.argsort(-queries @ matrix.T, axis=1)[:, :NEAREST]
    found = [rows for _, rows in codes.candidates(queries, CANDIDATES)]
    assert np.mean([np.isin(a, b) for a, b in zip(true, found, strict=True)]) >= 0.98


def test_training_takes_rows_of_the_whole_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the rows are in other directions: who sees the first half alone drops these."""
    monkeypatch.setattr(quantizer_module, "TRAINING_ROWS", 2000)
    halves = np.zeros((COUNT, 600), np.float32)
    halves[: COUNT // 2, :300] = unit_vectors(COUNT // 2, 300, seed=1)
    halves[COUNT // 2 :, 300:] = unit_vectors(COUNT // 2, 300, seed=2)
    quantizer = train_quantizer(halves)
    reduction = faiss.downcast_VectorTransform(quantizer.chain.at(0))
    kept = np.square(reduction.apply(halves)).sum(axis=1)
    assert kept[COUNT // 2 :].mean() > 0.9
