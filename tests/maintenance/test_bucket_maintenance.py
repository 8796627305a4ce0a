"""What keeps the bucket small and whole takes nothing that a kept version needs."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from soundalike.catalog.engine import Sessions, open_catalog
from soundalike.errors import ArtifactError
from soundalike.maintenance import bucket_garbage
from soundalike.maintenance.bucket_check import check_bucket, repair_bucket
from soundalike.maintenance.garbage import IN_BUCKET, collect, find_garbage
from soundalike.maintenance.local_garbage import Retention
from soundalike.maps.draw import draw_map
from soundalike.storage.bucket import Bucket
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.artifact_files import INDEX, MANIFEST
from soundalike.vectors.index_files import read_manifest
from tests.conftest import new_database
from tests.damage import delete, flip_in_bucket, segment_of
from tests.library import Library
from tests.serving.collection import SPACE, Collection, numbered
from tests.sounds import song

KEEP = Retention(indexes=1, days=30)


@pytest.fixture
def collection(sessions: Sessions, store: ArtifactStore, bucket: Bucket) -> Collection:
    return Collection(sessions, ArtifactStore(store.root, bucket))


@pytest.fixture
def days_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was put a moment ago counts as old."""
    monkeypatch.setattr(bucket_garbage, "DAY", dt.timedelta(seconds=-5))


def publications(collection: Collection, count: int) -> list[str]:
    versions = []
    for _ in range(count):
        collection.add(*numbered(5))
        versions.append(collection.publish())
    return versions


def versions_in(bucket: Bucket) -> set[str]:
    return {found.key.split("/")[1] for found in bucket.listed("indexes/")}


@pytest.mark.usefixtures("days_later")
def test_versions_go_and_the_segments_that_others_share_stay(
    collection: Collection, bucket: Bucket
) -> None:
    versions = publications(collection, 4)
    bucket.put_new("segments/0123456789abcdef/index.faiss", b"of a build that was killed")
    listed = find_garbage(collection.sessions, collection.store, SPACE.key, KEEP)
    before = {found.key for found in bucket.listed()}
    removed = collect(collection.sessions, collection.store, SPACE.key, KEEP)
    assert {item.path for item in listed} == {item.path for item in removed}
    gone = {collection.store.key(item.path) for item in removed if item.reason == IN_BUCKET}
    assert before - {found.key for found in bucket.listed()} == gone
    assert versions_in(bucket) == set(versions[2:])
    named = {
        name
        for version in versions[2:]
        for name in read_manifest(collection.store.index(version)).segments
    }
    assert {found.key.split("/")[1] for found in bucket.listed("segments/")} == named
    damaged = check_bucket(collection.sessions, collection.store, bucket, read=True)
    assert not [each for each in damaged if isinstance(each.of, str)]


@pytest.mark.usefixtures("days_later")
def test_maps_go_with_their_versions(collection: Collection, bucket: Bucket) -> None:
    for _ in range(3):
        collection.add(*numbered(20))
        version = collection.publish()
        draw_map(collection.sessions, collection.store)
    collect(collection.sessions, collection.store, SPACE.key, Retention(indexes=0, days=30))
    assert {found.key.split("/")[1] for found in bucket.listed("maps/")} == {version}


def test_what_was_put_today_stays(collection: Collection, bucket: Bucket) -> None:
    publications(collection, 4)
    bucket.put_new("segments/0123456789abcdef/index.faiss", b"of a build under way")
    before = bucket.listed()
    collect(collection.sessions, collection.store, SPACE.key, KEEP)
    assert bucket.listed() == before


@pytest.mark.usefixtures("days_later")
def test_another_catalogs_bucket_is_left_alone(
    collection: Collection, bucket: Bucket, server_url: str
) -> None:
    publications(collection, 2)
    before = bucket.listed()
    with new_database(server_url) as url:
        sessions = open_catalog(url)
        with pytest.raises(ArtifactError, match=r"another catalog's\? Nothing was removed"):
            bucket_garbage.remove_unneeded(sessions, collection.store, 30)
        sessions.kw["bind"].dispose()
    assert bucket.listed() == before


@pytest.mark.usefixtures("days_later")
def test_a_bucket_that_is_away_keeps_no_disk_full(
    collection: Collection, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = publications(collection, 4)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    del bucket._store
    collect(collection.sessions, collection.store, SPACE.key, KEEP)
    assert {path.name for path in collection.store.indexes.iterdir()} == set(versions[2:])


def test_what_is_lost_or_damaged_is_found_and_put_again(
    collection: Collection, bucket: Bucket
) -> None:
    first, second = publications(collection, 2)
    folder = segment_of(collection.store.index(second))
    keys = {name: collection.store.key(folder / name) for name in (INDEX, MANIFEST, "tracks.ids")}
    [version_key] = [found.key for found in bucket.listed(f"indexes/{first}/")]
    flip_in_bucket(bucket, keys[INDEX])
    bucket.put_bytes(keys["tracks.ids"], b"short")
    bucket.remove([version_key])

    def problems(*, read: bool) -> dict[str, str]:
        found = check_bucket(collection.sessions, collection.store, bucket, read=read)
        return {damaged.key: damaged.problem for damaged in found}

    size = (folder / "tracks.ids").stat().st_size
    vectors = {key: problem for key, problem in problems(read=False).items() if "/b0000" in key}
    assert set(vectors.values()) == {"missing"}, "this collection never put its vectors"
    assert len(vectors) == 2
    by_size = vectors | {keys["tracks.ids"]: f"5 bytes instead of {size}"}
    assert problems(read=False) == by_size, "an older version need not be there"
    assert problems(read=True) == by_size | {keys[INDEX]: "not as it was written"}
    found = check_bucket(collection.sessions, collection.store, bucket, read=True)
    assert repair_bucket(collection.sessions, collection.store, bucket, found) == []
    assert problems(read=True) == {}
    bucket.remove([keys[MANIFEST]])
    assert problems(read=False) == {keys[MANIFEST]: "missing"}


def test_what_is_lost_here_too_is_told(collection: Collection, bucket: Bucket) -> None:
    [version] = publications(collection, 1)
    folder = segment_of(collection.store.index(version))
    key = collection.store.key(folder / INDEX)
    bucket.remove([key])
    delete(folder / INDEX)
    found = check_bucket(collection.sessions, collection.store, bucket, read=False)
    left = repair_bucket(collection.sessions, collection.store, bucket, found)
    assert [damaged.key for damaged in left] == [key]


def test_a_library_of_before_is_put_with_all_its_vectors(
    library: Library, bucket: Bucket, tmp_path: Path
) -> None:
    song(library.music / "1.flac", seconds=2.0)
    library.ingest()
    version = library.publish().version
    one = replace(library, store=ArtifactStore(library.store.root, bucket))
    found = check_bucket(one.sessions, one.store, bucket, read=False)
    assert len(found) == 4, "manifest, vectors and sidecar of the batch, and the index"
    assert repair_bucket(one.sessions, one.store, bucket, found) == []
    assert check_bucket(one.sessions, one.store, bucket, read=True) == []
    other = replace(library, store=ArtifactStore(tmp_path / "other", bucket))
    assert other.process("b000001")[-1].reused == 1
    assert other.publish().version == version


@pytest.mark.usefixtures("days_later")
def test_vectors_that_were_replaced_go_and_recorded_ones_stay(
    library: Library, bucket: Bucket
) -> None:
    one = replace(library, store=ArtifactStore(library.store.root, bucket))
    song(one.music / "1.flac", seconds=2.0)
    one.ingest()
    one.publish()
    [key] = [found.key for found in bucket.listed("embeddings/") if ".npy/" in found.key]
    of_before = key.replace(key.rpartition("/")[2], 64 * "0")
    bucket.put_bytes(of_before, b"of a run that was killed")
    bucket.put_bytes("batches/b000009.parquet/0123", b"of a batch that is gone")
    space = one.model.space.key
    removed = collect(one.sessions, one.store, space, KEEP)
    assert {one.store.key(item.path) for item in removed} == {
        of_before,
        "batches/b000009.parquet/0123",
    }
    assert check_bucket(one.sessions, one.store, bucket, read=True) == []
