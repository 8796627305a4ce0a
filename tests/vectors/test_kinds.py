"""Each kind by its size, its files, its floor of recall; and what finds too little is refused."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from soundalike.errors import ArtifactError
from soundalike.vectors.artifact_files import CODES
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.index.quantizer import write_codes
from soundalike.vectors.index_files import read_manifest, write_manifest
from soundalike.vectors.kinds import IndexKind, kind_for
from soundalike.vectors.neighbours import NeighbourQuery, TrackSet
from soundalike.vectors.queries import VectorQuery
from soundalike.vectors.recall import check_recall
from tests.indexes import hashes_of, unit_vectors, write_index


def narrow(count: int, dimension: int, seed: int = 0) -> NDArray[np.float32]:
    """As embeddings are: clusters, a common mean, and some directions far wider than others."""
    random = np.random.default_rng(seed)
    scale = np.arange(1, dimension + 1) ** -0.7
    centres = np.random.default_rng(1).standard_normal((200, dimension)) * scale
    common = np.random.default_rng(2).standard_normal(dimension) * scale * 2
    matrix = centres[random.integers(0, 200, count)] + common
    matrix += 0.5 * random.standard_normal((count, dimension)) * scale
    return (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)


def test_kind_follows_size_unless_chosen() -> None:
    sizes = {1: "flat", 49_999: "flat", 50_000: "flat+pq", 5_000_000: "flat+pq"}
    assert {size: kind_for(size).name for size in sizes} == sizes
    assert kind_for(3, "flat+pq").name == "flat+pq"
    assert kind_for(5_000_000, "flat").name == "flat"


def test_a_kind_is_written_with_its_parameters_in_one_order() -> None:
    texts = {
        IndexKind("ivf", kept).text for kept in ({"codes": 1, "lists": 4}, {"lists": 4, "codes": 1})
    }
    assert texts == {"ivf:codes=1,lists=4"}
    assert kind_for(1).text == "flat"


@pytest.mark.parametrize("count", [1, 2, 40, 3000])
def test_an_index_of_any_size_can_be_built_and_asked(count: int, tmp_path: Path) -> None:
    matrix = unit_vectors(count, 16)
    index = OpenIndex.open(write_index(tmp_path / "v", matrix, choice="flat+pq"))
    index.probe()
    assert index.is_batchable(NeighbourQuery(matrix[:1], 5))
    one = TrackSet(index.track_ids, np.arange(1))
    assert not index.is_batchable(NeighbourQuery(matrix[:1], 5, allowed=one))
    [hits] = index.search([VectorQuery(matrix[:1], 5)])
    assert hits.rows[0] == 0
    assert len(hits.rows) == min(5, count)


def test_codes_find_what_flat_finds_on_vectors_like_embeddings(tmp_path: Path) -> None:
    index = OpenIndex.open(write_index(tmp_path / "v", narrow(12_000, 96), choice="flat+pq"))
    assert check_recall(index).passed, check_recall(index).detail
    for query in (VectorQuery(vector[None], 10) for vector in narrow(30, 96, seed=4)):
        everything = VectorQuery(query.positive, 10, allowed_rows=np.arange(12_000))
        by_codes, by_reading = index.search([query, everything])
        assert by_codes.scores.tolist() == by_reading.scores.tolist()
        assert by_codes.rows.tolist() == by_reading.rows.tolist()


def test_the_same_vectors_make_the_same_bytes(tmp_path: Path) -> None:
    matrix = narrow(5000, 96)
    files = [write_index(tmp_path / name, matrix, choice="flat+pq") / CODES for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_equal_vectors_by_the_hundred_are_cut_in_id_order(tmp_path: Path) -> None:
    """All their codes are equal, so which of them are candidates says nothing."""
    matrix = unit_vectors(8000, 32)
    matrix[np.random.default_rng(0).choice(8000, 1000, replace=False)] = matrix[5]
    same = np.flatnonzero((matrix == matrix[5]).all(axis=1))
    index = OpenIndex.open(write_index(tmp_path / "v", matrix, choice="flat+pq"))
    [hits] = index.search([VectorQuery(matrix[5:6], 10)])
    assert hits.rows.tolist() == same[:10].tolist()


@pytest.mark.slow
def test_codes_that_hide_half_of_the_vectors_do_not_pass(tmp_path: Path) -> None:
    folder = write_index(tmp_path / "v", matrix := narrow(12_000, 96), choice="flat+pq")
    manifest = read_manifest(folder)
    matrix[::2] *= -1  # near what they are far from
    write_codes(folder / CODES, matrix)
    hashes = hashes_of(folder, manifest.built_as)
    write_manifest(folder, manifest.model_copy(update={"files": hashes, "sizes": {}}))
    index = OpenIndex.open(folder)
    check = check_recall(index)
    assert not check.passed
    assert float(check.detail.split()[0]) < 0.9


def test_codes_that_are_missing_damaged_or_of_fewer_vectors_are_refused(tmp_path: Path) -> None:
    folder = write_index(tmp_path / "v", matrix := unit_vectors(50, 16), choice="flat+pq")
    whole, manifest = (folder / CODES).read_bytes(), read_manifest(folder)
    (folder / CODES).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ArtifactError, match=r"codes\.faiss is damaged"):
        OpenIndex.open(folder)
    (folder / CODES).unlink()
    with pytest.raises(ArtifactError, match=r"codes\.faiss is missing"):
        OpenIndex.open(folder)
    write_codes(folder / CODES, matrix[:49])
    hashes = hashes_of(folder, manifest.built_as)
    write_manifest(folder, manifest.model_copy(update={"files": hashes, "sizes": {}}))
    with pytest.raises(ArtifactError, match="its manifest says"):
        OpenIndex.open(folder)
