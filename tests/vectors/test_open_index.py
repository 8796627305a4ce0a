"""Search must be exact, deterministic, and refuse what does not belong."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from soundalike.errors import ArtifactError, SpaceMismatch
from soundalike.vectors.artifact_files import CODES, INDEX, MANIFEST
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.index_files import read_manifest, verify_version, write_manifest
from soundalike.vectors.queries import VectorQuery
from tests.indexes import hashes_of, neighbours, unit_vectors, write_index, write_tracks


@pytest.fixture
def matrix() -> NDArray[np.float32]:
    return unit_vectors(300, 24)


@pytest.fixture
def folder(tmp_path: Path, matrix: NDArray[np.float32]) -> Path:
    return write_index(tmp_path / "v", matrix)


def test_answers_are_those_of_brute_force(folder: Path, matrix: NDArray[np.float32]) -> None:
    index = OpenIndex.open(folder)
    for row in range(0, 300, 17):
        scores = matrix @ matrix[row]
        expected = [i for i in np.argsort(-scores) if i != row][:10]
        found = neighbours(index, f"t{row:04d}", 10)
        assert [track for track, _ in found] == [f"t{i:04d}" for i in expected]
        np.testing.assert_allclose([score for _, score in found], scores[expected], atol=1e-6)


def test_equal_scores_are_in_id_order_and_the_seed_is_left_out(tmp_path: Path) -> None:
    same = np.tile(unit_vectors(1, 8), (5, 1))
    index = OpenIndex.open(write_index(tmp_path / "v", same))
    found = neighbours(index, "t0003", 10)
    assert [track for track, _ in found] == ["t0000", "t0001", "t0002", "t0004"]
    assert all(-1 <= score <= 1 for _, score in found)


def test_k_beyond_the_index_gives_what_there_is(folder: Path) -> None:
    assert len(neighbours(OpenIndex.open(folder), "t0000", 10_000)) == 299


def test_a_query_of_another_dimension_is_refused(folder: Path) -> None:
    with pytest.raises(SpaceMismatch, match="24 dimensions"):
        OpenIndex.open(folder).search([VectorQuery(np.ones((1, 25), np.float32), 3)])
    good, bad = np.ones((1, 24), np.float32), np.ones((1, 25), np.float32)
    with pytest.raises(SpaceMismatch, match="24 dimensions"):
        OpenIndex.open(folder).search([VectorQuery(good, 3, negative=bad)])


@pytest.mark.parametrize("name", ["index.faiss", "tracks.parquet"])
def test_one_flipped_bit_is_noticed(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ArtifactError, match=f"{name} is damaged"):
        OpenIndex.open(folder)


@pytest.mark.parametrize("name", ["index.faiss", "tracks.parquet", MANIFEST])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name} is missing"):
        OpenIndex.open(folder)


def test_a_version_in_the_folder_of_another_is_refused(folder: Path) -> None:
    other = folder.rename(folder.with_name("another"))
    with pytest.raises(ArtifactError, match="the folder of index another holds"):
        verify_version(other, None)


def test_rows_out_of_the_order_of_ids_are_refused(tmp_path: Path) -> None:
    """Ties are broken by row, and must be broken by id."""
    folder = write_index(tmp_path / "v", unit_vectors(3, 8))
    for ids in (["t1", "t0", "t2"], ["t0", "t0", "t1"]):
        write_tracks(folder, ids)
        manifest = read_manifest(folder)
        files = hashes_of(folder, manifest.built_as)
        write_manifest(folder, manifest.model_copy(update={"files": files, "sizes": {}}))
        with pytest.raises(ArtifactError, match="not in the order of their ids"):
            OpenIndex.open(folder)


def test_a_file_that_is_another_kind_of_index_is_refused(tmp_path: Path) -> None:
    """Whole, and hashed by whoever put it there."""
    folder = write_index(tmp_path / "v", unit_vectors(50, 16), choice="flat+pq")
    for name in (INDEX, CODES):
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(b"IxFI" + b"nothing of the sort" * 9)
        manifest = read_manifest(folder)
        files = hashes_of(folder, manifest.built_as)
        write_manifest(folder, manifest.model_copy(update={"files": files, "sizes": {}}))
        with pytest.raises(ArtifactError, match="holds no index"):
            OpenIndex.open(folder)
        (folder / name).write_bytes(kept)


def test_an_index_that_lost_its_own_tracks_is_not_used(tmp_path: Path) -> None:
    folder = write_index(tmp_path / "v", 0.5 * unit_vectors(10, 8))
    with pytest.raises(ArtifactError, match="does not find its own track t0000"):
        OpenIndex.open(folder).probe()


def test_a_manifest_that_is_none_is_refused(folder: Path) -> None:
    (folder / MANIFEST).write_text('{"version": 1}')
    with pytest.raises(ArtifactError, match="is not an index manifest"):
        OpenIndex.open(folder)


def test_a_manifest_of_another_index_is_refused(tmp_path: Path) -> None:
    folder = write_index(tmp_path / "v", unit_vectors(10, 8), claimed_dimension=9)
    with pytest.raises(ArtifactError, match="8 dimensions, 10 vectors"):
        OpenIndex.open(folder)
