"""The cache of fetched versions: bounded, and never without what a process serves."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from soundalike.errors import ArtifactError, StorageError
from soundalike.storage.atomic import atomic_folder, make_read_only, remove_folder
from soundalike.storage.bucket import Bucket
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors import index_cache
from soundalike.vectors.index_cache import IndexCache
from soundalike.vectors.index_copies import VersionDownload, upload_version
from soundalike.vectors.index_files import read_manifest, verify_version
from tests.conftest import Sessions
from tests.damage import flip_a_bit
from tests.serving.collection import Collection, numbered


@pytest.fixture
def collection(sessions: Sessions, store: ArtifactStore) -> Collection:
    return Collection(sessions, store)


@pytest.fixture
def copies(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "cache")


def put_versions(collection: Collection, copies: ArtifactStore, count: int) -> list[str]:
    """Put as many versions, each with a segment of its own, in the cache; used in this order."""
    versions = []
    for number in range(count):
        collection.add(*numbered(10))
        versions.append(collection.build())
        for folder in (collection.store.index(versions[-1]), *collection.store.segments.iterdir()):
            copy = copies.root / collection.store.key(folder)
            if not copy.exists():
                shutil.copytree(folder, copy)
        os.utime(copies.index(versions[-1]), (number, number))
    return versions


def cached(copies: ArtifactStore) -> set[str]:
    """The versions in the cache, each of which is whole."""
    versions = {path.name for path in copies.indexes.iterdir()}
    for version in versions:
        verify_version(copies.index(version), None)
    return versions


def size(copies: ArtifactStore) -> int:
    return sum(path.stat().st_size for path in copies.root.rglob("*"))


def test_the_last_two_versions_stay_whole(collection: Collection, copies: ArtifactStore) -> None:
    versions = put_versions(collection, copies, 4)
    cache = IndexCache(copies, 1e9)
    cache.hold(versions[2])
    assert cached(copies) == {versions[2], versions[3]}
    named = read_manifest(copies.index(versions[3])).segments
    assert {path.name for path in copies.segments.iterdir()} == set(named)


def test_what_another_process_serves_stays_however_old(
    collection: Collection, copies: ArtifactStore
) -> None:
    versions = put_versions(collection, copies, 2)
    other, ours = IndexCache(copies, 1e9), IndexCache(copies, 1e9)
    other.hold(versions[0])
    later = put_versions(collection, copies, 2)
    for path in copies.indexes.iterdir():
        os.utime(path, (5, 5))
    os.utime(copies.index(versions[0]), (0, 0))  # it is the oldest
    ours.hold(later[1])
    assert versions[0] in cached(copies)
    assert len(cached(copies)) == 3
    with ours.locked(), pytest.raises(StorageError, match="SOUNDALIKE_CACHE_GIGABYTES"):
        ours.make_room(10**9, ())
    assert cached(copies) == {versions[0], later[1]}
    other.close()
    with ours.locked():
        ours.make_room(10**9 - size(copies) + 1, ())
    assert cached(copies) == {later[1]}


def test_room_is_made_of_the_oldest_only_as_far_as_it_is_needed(
    collection: Collection, copies: ArtifactStore
) -> None:
    versions = put_versions(collection, copies, 3)
    cache = IndexCache(copies, size(copies) + 100)
    with cache.locked():
        cache.make_room(100, ())
        assert cached(copies) == set(versions)
        cache.make_room(101, ())
    assert cached(copies) == set(versions[1:])


def test_segments_that_the_next_version_shares_are_no_room(
    collection: Collection, copies: ArtifactStore
) -> None:
    [version] = put_versions(collection, copies, 1)
    shared = read_manifest(copies.index(version)).segments
    with IndexCache(copies, 1e9).locked(), pytest.raises(StorageError):
        IndexCache(copies, 10).make_room(10, shared)
    assert cached(copies) == set()
    assert [path.name for path in copies.segments.iterdir()] == shared


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    copies: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies.root.mkdir()
    monkeypatch.setattr(index_cache, "MIN_FREE_BYTES", shutil.disk_usage(copies.root).total)
    with pytest.raises(StorageError, match="the disk of the cache has"):
        IndexCache(copies, 1e9).make_room(1, ())


def test_what_a_killed_download_left_goes_and_open_copies_stay(copies: ArtifactStore) -> None:
    left = copies.segments / ".64229e2f87a05600.123-0a1b2c3d.tmp"
    private = copies.segments / ".tmpab_12.tmp"  # storage/private_copy.py opens a file in it
    for folder in (left, private):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x")
    IndexCache(copies, 1e9).make_room(0, ())
    assert [*copies.segments.iterdir()] == [private]


def test_a_killed_download_leaves_a_name_that_is_recognised(copies: ArtifactStore) -> None:
    with atomic_folder(copies.segments / "64229e2f87a05600") as temporary:
        assert index_cache.TEMPORARY.fullmatch(temporary.name)
        make_read_only(temporary)


def test_only_what_is_damaged_is_fetched_again(
    collection: Collection, copies: ArtifactStore, bucket: Bucket
) -> None:
    _, version = put_versions(collection, copies, 2)
    upload_version(collection.store, bucket, version)
    whole, damaged = sorted(copies.segments.iterdir())
    flip_a_bit(damaged / "index.faiss")
    IndexCache(copies, 1e9).remove_damaged(version)
    assert [*copies.segments.iterdir()] == [whole]
    assert not copies.index(version).exists()
    content = (collection.store.index(version) / "manifest.json").read_bytes()
    download = VersionDownload(copies, bucket, version, hashlib.sha256(content).hexdigest())
    assert 0 < download.size < 5000
    download.fetch(lambda _: None)
    assert verify_version(copies.index(version), None).version == version


def test_the_cache_may_be_removed_while_it_is_used(
    collection: Collection, copies: ArtifactStore
) -> None:
    versions = put_versions(collection, copies, 1)
    cache = IndexCache(copies, 1e9)
    cache.hold(versions[0])
    remove_folder(copies.root)
    cache.hold(None)
    with pytest.raises(ArtifactError):
        verify_version(copies.index(versions[0]), None)
