"""Two machines build one library: they share the catalog, the music and a bucket, and no disk."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from soundalike.errors import ArtifactError, BucketError
from soundalike.ingest.build_index import build_index
from soundalike.ingest.healing import heal
from soundalike.ingest.index_checks import check_candidate
from soundalike.ingest.merge import merge_segments
from soundalike.ingest.next_index import next_index
from soundalike.ingest.vector_checks import check_batches
from soundalike.maps.draw import draw_map
from soundalike.storage.bucket import Bucket
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index.open_index import OpenIndex
from tests.damage import cut_in_bucket, flip_a_bit, flip_in_bucket
from tests.library import Library
from tests.sounds import song


@pytest.fixture
def one(library: Library, bucket: Bucket) -> Library:
    return replace(library, store=ArtifactStore(library.store.root, bucket))


@pytest.fixture
def other(library: Library, bucket: Bucket, tmp_path: Path) -> Library:
    return replace(library, store=ArtifactStore(tmp_path / "other", bucket))


def add(library: Library, *seeds: int) -> None:
    for seed in seeds:
        song(library.music / f"{seed}.flac", seconds=2.0, seed=seed)


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_one_embeds_the_other_indexes_as_one_machine_would(
    library: Library, one: Library, other: Library, bucket: Bucket, tmp_path: Path
) -> None:
    add(one, 1, 2)
    one.ingest()
    add(other, 3)
    other.ingest()
    assert one.model.embedder.embedded == 3, "nothing is embedded twice"
    made = other.publish()
    checks = check_candidate(other.sessions, other.store, other.model.space)
    assert [check for check in checks if not check.passed] == []
    alone = replace(library, store=ArtifactStore(tmp_path / "alone"))
    for batch in ("b000001", "b000002"):
        for name in files(one.store.embeddings) | files(other.store.embeddings):
            if batch in name:
                source = next(
                    root / name
                    for root in (one.store.embeddings, other.store.embeddings)
                    if (root / name).exists()
                )
                target = alone.store.embeddings / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
    report = build_index(alone.sessions, alone.store, alone.model.space, "auto")
    assert report.manifest.version == made.version
    ours, theirs = (OpenIndex.open(each.store.index(made.version)) for each in (other, alone))
    assert list(ours.track_ids) == list(theirs.track_ids)
    vectors = [index.vectors_of(list(index.track_ids)).tobytes() for index in (ours, theirs)]
    assert vectors[0] == vectors[1]


def test_a_batch_goes_on_elsewhere_without_being_embedded_again(
    one: Library, other: Library
) -> None:
    add(one, 1, 2)
    one.ingest()
    embedded = one.model.embedder.embedded
    [batch] = ["b000001"]
    report = other.process(batch)[-1]
    assert (report.done, report.reused) == (2, 2)
    assert other.model.embedder.embedded == embedded
    assert files(other.store.embeddings) == files(one.store.embeddings)
    assert files(other.store.manifests) == files(one.store.manifests)


def test_what_is_on_another_machine_is_not_lost(one: Library, other: Library) -> None:
    add(one, 1, 2)
    one.ingest()
    version = one.publish().version
    assert heal(other.sessions, other.store) == []
    assert other.pending() == []
    space = other.model.space
    assert next_index(other.sessions, other.store, space, "auto").is_current
    results = check_batches(other.sessions, other.store, space, None)
    assert all(check.passed for checks in results.values() for check in checks)
    assert merge_segments(other.sessions, other.store, space).version == version
    assert draw_map(other.sessions, other.store).index_version == version


def test_the_next_version_elsewhere_shares_the_segments_of_the_one_before(
    one: Library, other: Library
) -> None:
    add(one, *range(1, 7))
    one.ingest()
    first = one.publish()
    add(other, 7)
    other.ingest()
    second = other.publish()
    assert set(first.segments) < set(second.segments)


def test_vectors_that_are_lost_everywhere_are_made_again_and_no_others(
    one: Library, other: Library, bucket: Bucket
) -> None:
    add(one, 1)
    one.ingest()
    add(one, 2)
    one.ingest()
    bucket.remove([found.key for found in bucket.listed("embeddings/") if "b000001" in found.key])
    with pytest.raises(ArtifactError, match="not in the bucket"):
        other.publish()
    assert other.pending() == ["b000001"]
    embedded = one.model.embedder.embedded
    other.process("b000001")
    assert other.model.embedder.embedded == embedded + 1
    assert other.publish().tracks == 2


def _is_whole(bucket: Bucket, key: str) -> bool:
    return hashlib.sha256(bucket.read(key)).hexdigest() == key.rpartition("/")[2]


@pytest.mark.parametrize("damage", [flip_in_bucket, cut_in_bucket])
def test_damaged_vectors_in_the_bucket_never_get_into_an_index(
    one: Library, other: Library, bucket: Bucket, damage: Callable[[Bucket, str], None]
) -> None:
    add(one, 1)
    one.ingest()
    [key] = [found.key for found in bucket.listed("embeddings/") if ".npy/" in found.key]
    damage(bucket, key)
    with pytest.raises(ArtifactError, match="in the bucket is damaged"):
        other.publish()
    assert not list(other.store.embeddings.rglob("*.npy"))
    assert other.pending() == ["b000001"], "it is made again, and replaces what is damaged"
    other.process("b000001")
    assert other.publish().tracks == 1
    objects = bucket.listed("embeddings/")
    assert [each.key for each in objects if not _is_whole(bucket, each.key)] == []
    assert len(objects) == 2


def test_a_builder_needs_no_whole_copy_of_the_served_index(
    one: Library, other: Library, bucket: Bucket
) -> None:
    add(one, 1)
    one.ingest()
    one.publish()
    [key] = [found.key for found in bucket.listed("segments/") if found.key.endswith("index.faiss")]
    flip_in_bucket(bucket, key)
    add(one, 2)
    one.ingest()
    assert other.publish().tracks == 2


def test_a_damaged_file_here_is_fetched_and_not_made_again(one: Library, bucket: Bucket) -> None:
    add(one, 1, 2)
    one.ingest()
    before = files(one.store.embeddings)
    flip_a_bit(next(one.store.embeddings.rglob("*.npy")))
    embedded = one.model.embedder.embedded
    assert [damage.problem for damage in heal(one.sessions, one.store)] == ["not as it was written"]
    assert one.pending() == []
    assert one.publish().tracks == 2
    assert one.model.embedder.embedded == embedded
    assert files(one.store.embeddings) == before


def test_vectors_of_before_are_replaced_by_those_that_another_has_recorded(
    one: Library, other: Library
) -> None:
    """A file that is whole, and no longer the batch's, is not taken for it."""
    add(one, 1)
    one.ingest()
    shutil.copytree(one.store.embeddings, other.store.embeddings)
    npy = next(other.store.embeddings.rglob("*.npy"))
    current = npy.read_bytes()
    npy.write_bytes(current[:-4] + bytes(4))
    assert other.publish().tracks == 1
    assert npy.read_bytes() == current


def test_a_bucket_that_is_away_is_no_reason_to_embed_again(
    one: Library, other: Library, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(one, 1)
    one.ingest()
    embedded = one.model.embedder.embedded
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    del bucket._store
    with pytest.raises(BucketError):
        other.process("b000001")
    assert one.model.embedder.embedded == embedded
    with pytest.raises(BucketError):
        other.publish()
    assert other.pending() == [], "nothing counts as lost"
