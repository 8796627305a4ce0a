"""A batch's files come back as they were written, and damage or another space is refused."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from soundalike.embedders.base import Embedding, PredictedTag
from soundalike.errors import ArtifactError, SpaceMismatch
from soundalike.storage.atomic import sha256_of
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.embedding_files import load_batch, load_recorded, load_vectors, save_batch
from tests.fakes import FAKE_SPACE
from tests.indexes import unit_vectors

EMBEDDINGS = {
    f"{row:032x}": Embedding(vector, (PredictedTag("warm", 0.25), PredictedTag("loud", 0.125)))
    for row, vector in enumerate(unit_vectors(5, FAKE_SPACE.dimension))
}


def test_what_is_written_comes_back(store: ArtifactStore) -> None:
    path = save_batch(store, FAKE_SPACE, "b000001", EMBEDDINGS)
    found = load_batch(store, FAKE_SPACE, "b000001", sha256_of(path))
    assert list(found) == list(EMBEDDINGS)
    for track, embedding in EMBEDDINGS.items():
        np.testing.assert_array_equal(found[track].vector, embedding.vector)
        assert found[track].tags == embedding.tags


def test_the_same_embeddings_give_the_same_bytes(store: ArtifactStore) -> None:
    first = save_batch(store, FAKE_SPACE, "b000001", EMBEDDINGS).read_bytes()
    sidecar = store.sidecar(FAKE_SPACE.key, "b000001").read_bytes()
    assert save_batch(store, FAKE_SPACE, "b000001", EMBEDDINGS).read_bytes() == first
    assert store.sidecar(FAKE_SPACE.key, "b000001").read_bytes() == sidecar


def test_an_empty_batch_is_one_too(store: ArtifactStore) -> None:
    path = save_batch(store, FAKE_SPACE, "b000001", {})
    assert load_batch(store, FAKE_SPACE, "b000001", sha256_of(path)) == {}
    assert load_vectors(store, FAKE_SPACE.key, "b000001").shape == (0, FAKE_SPACE.dimension)


def test_a_batch_that_was_never_written_is_nothing(store: ArtifactStore) -> None:
    assert load_batch(store, FAKE_SPACE, "b000001", None) == {}
    with pytest.raises(ArtifactError, match="is missing"):
        load_vectors(store, FAKE_SPACE.key, "b000001")


def test_a_sidecar_of_another_write_is_not_taken(store: ArtifactStore) -> None:
    """It has as many rows, of other tracks."""
    sidecar = store.sidecar(FAKE_SPACE.key, "b000001")
    path = save_batch(store, FAKE_SPACE, "b000001", EMBEDDINGS)
    hashes, vectors = (sha256_of(path), sha256_of(sidecar)), path.read_bytes()
    assert list(load_batch(store, FAKE_SPACE, "b000001", *hashes)) == list(EMBEDDINGS)
    save_batch(store, FAKE_SPACE, "b000001", dict(reversed(EMBEDDINGS.items())))
    path.write_bytes(vectors)
    assert load_batch(store, FAKE_SPACE, "b000001", *hashes) == {}


def test_files_of_another_space_are_refused_with_both_named(store: ArtifactStore) -> None:
    sha256 = sha256_of(save_batch(store, FAKE_SPACE, "b000001", EMBEDDINGS))
    other = replace(FAKE_SPACE, parameters={"version": 2})
    for path in (store.vectors, store.sidecar):
        path(other.key, "b000001").parent.mkdir(exist_ok=True, parents=True)
        path(FAKE_SPACE.key, "b000001").rename(path(other.key, "b000001"))
    with pytest.raises(SpaceMismatch, match=FAKE_SPACE.key) as caught:
        load_batch(store, other, "b000001", sha256)
    assert other.key in str(caught.value)


@pytest.mark.parametrize("matrix", [np.zeros((5, 16)), np.zeros(16, np.float32)])
def test_an_array_of_another_type_or_rank_is_refused(
    store: ArtifactStore, matrix: NDArray[np.floating]
) -> None:
    path = store.vectors(FAKE_SPACE.key, "b000001")
    path.parent.mkdir(parents=True)
    np.save(path, matrix)
    with pytest.raises(ArtifactError, match=r"holds float\d\d \(.*\), not float32 \[n, dim\]"):
        load_vectors(store, FAKE_SPACE.key, "b000001")


def test_vectors_are_used_only_as_they_were_recorded(store: ArtifactStore) -> None:
    where = store, FAKE_SPACE.key, "b000001"
    path = save_batch(store, FAKE_SPACE, "b000001", EMBEDDINGS)
    recorded = sha256_of(path)
    np.testing.assert_array_equal(load_recorded(*where, recorded), load_vectors(*where))
    save_batch(store, FAKE_SPACE, "b000001", dict(reversed(EMBEDDINGS.items())))
    assert load_batch(store, FAKE_SPACE, "b000001", recorded) == {}
    with pytest.raises(ArtifactError, match=r"embeddings\[b000001\] changed on disk: .*; material"):
        load_recorded(*where, recorded)
    path.unlink()
    with pytest.raises(ArtifactError, match=r"embeddings\[b000001\] is missing: .*; material"):
        load_recorded(*where, recorded)


def test_pickles_are_not_opened(store: ArtifactStore) -> None:
    path = store.vectors(FAKE_SPACE.key, "b000001")
    path.parent.mkdir(parents=True)
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ArtifactError, match="is damaged"):
        load_vectors(store, FAKE_SPACE.key, "b000001")


def test_a_cut_file_is_refused(store: ArtifactStore) -> None:
    path = save_batch(store, FAKE_SPACE, "b000001", EMBEDDINGS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ArtifactError, match="is damaged"):
        load_vectors(store, FAKE_SPACE.key, "b000001")
