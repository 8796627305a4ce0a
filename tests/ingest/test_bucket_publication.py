"""A publication is in the bucket before it is served: whole, once, and the same as on the disk."""

import hashlib
import shutil
import threading
from pathlib import Path

import pytest
from botocore.client import BaseClient
from sqlalchemy import select

from soundalike.catalog import index_versions, publications
from soundalike.catalog.engine import Sessions
from soundalike.catalog.outside_locks import bucket_lock
from soundalike.catalog.tables import IndexVersionRow
from soundalike.errors import ArtifactError, BucketError
from soundalike.ingest.next_index import next_index
from soundalike.storage.bucket import Bucket
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.artifact_files import INDEX, MANIFEST
from soundalike.vectors.index_copies import VersionDownload, is_uploaded, upload_version
from soundalike.vectors.index_files import read_manifest, verify_version
from tests.damage import flip_a_bit, segment_of
from tests.serving.collection import SPACE, Collection, numbered


@pytest.fixture
def collection(sessions: Sessions, store: ArtifactStore, bucket: Bucket) -> Collection:
    return Collection(sessions, ArtifactStore(store.root, bucket))


def without_bucket(collection: Collection) -> Collection:
    """The same builder before it had a bucket."""
    return Collection(collection.sessions, ArtifactStore(collection.store.root))


def recorded(sessions: Sessions, version: str) -> str:
    with sessions() as session:
        sha256 = session.scalars(
            select(IndexVersionRow.manifest_sha256).where(IndexVersionRow.version == version)
        ).one()
    assert sha256
    return sha256


def fetched(collection: Collection, bucket: Bucket, version: str, folder: Path) -> ArtifactStore:
    """What another machine gets."""
    copies = ArtifactStore(folder)
    sha256 = recorded(collection.sessions, version)
    VersionDownload(copies, bucket, version, sha256).fetch(lambda _: None)
    verify_version(copies.index(version), sha256)
    return copies


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_version_and_its_bytes_are_those_on_disk(
    collection: Collection, bucket: Bucket, tmp_path: Path
) -> None:
    collection.add(*numbered(50))
    without = without_bucket(collection).build()
    version = collection.publish()
    assert version == without, "a bucket is no input of a version"
    copies = fetched(collection, bucket, version, tmp_path / "there")
    assert contents(copies.index(version)) == contents(collection.store.index(version))
    for name in read_manifest(copies.index(version)).segments:
        assert contents(copies.segments / name) == contents(collection.store.segments / name)


def test_what_the_bucket_has_is_not_put_again(
    collection: Collection, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.add(*numbered(20))
    collection.publish()
    collection.add(*numbered(5))
    before = {found.key for found in bucket.listed()}
    put: list[str] = []
    plain = bucket.put
    monkeypatch.setattr(bucket, "put", lambda key, file: (put.append(key), plain(key, file)))
    version = collection.publish()
    assert len(put) == len(contents(segment_of(collection.store.index(version)))) - 1
    assert not before.intersection(put)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("survivors", range(5))
def test_a_publication_killed_between_two_files_is_invisible_and_goes_on(
    collection: Collection,
    bucket: Bucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    survivors: int,
) -> None:
    collection.add(*numbered(20))
    version, left = without_bucket(collection).build(), [survivors]

    def until_killed(put: object) -> object:
        def one(*arguments: object) -> object:
            if not left[0]:
                raise Killed
            left[0] -= 1
            return put(*arguments)  # type: ignore[operator]

        return one

    with monkeypatch.context() as patched:
        patched.setattr(bucket, "put", until_killed(bucket.put))
        patched.setattr(bucket, "put_new", until_killed(bucket.put_new))
        with pytest.raises(Killed):
            collection.publish(version)
    assert len(bucket.listed()) == survivors
    with collection.sessions() as session:
        assert publications.published(session) is None
    with pytest.raises(ArtifactError, match="not in the bucket"):
        fetched(collection, bucket, version, tmp_path / "half")
    segments = [found.key for found in bucket.listed("segments/")]
    has_manifest = any(key.endswith(MANIFEST) for key in segments)
    assert has_manifest == (len(segments) == 4), "a segment is visible once it is whole"
    collection.publish(version)
    fetched(collection, bucket, version, tmp_path / "whole")


def test_a_build_that_is_killed_while_it_puts_is_not_recorded(
    collection: Collection, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.add(*numbered(20))

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(bucket, "put_new", killed)
        with pytest.raises(Killed):
            collection.build()
    with collection.sessions() as session:
        assert index_versions.latest_built(session, SPACE.key) is None
    fetched(collection, bucket, collection.build(), tmp_path / "whole")


def builder_beside(collection: Collection, bucket: Bucket, folder: Path) -> Collection:
    """Another machine with the same catalog and bucket, and its own copy of the vectors."""
    other = Collection(collection.sessions, ArtifactStore(folder, bucket))
    shutil.copytree(collection.store.embeddings, other.store.embeddings)
    return other


def test_of_two_builders_the_first_wins_and_the_other_has_the_same_files(
    collection: Collection, bucket: Bucket, tmp_path: Path
) -> None:
    collection.add(*numbered(30))
    other = builder_beside(collection, bucket, tmp_path / "other")
    version = collection.build()
    assert other.build() == version
    folders = [each.store.index(version) for each in (collection, other)]
    assert contents(folders[0]) == contents(folders[1])
    assert len(bucket.listed("indexes/")) == 1
    assert other.publish(version) == version
    fetched(collection, bucket, version, tmp_path / "there")


def test_two_builders_at_once_leave_one_whole_version(
    collection: Collection, sessions: Sessions, bucket: Bucket, tmp_path: Path
) -> None:
    collection.add(*numbered(30))
    other = builder_beside(collection, bucket, tmp_path / "other")
    threads = [threading.Thread(target=each.publish) for each in (collection, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sessions() as session:
        served = publications.published(session)
    assert served
    version = served.index.version
    assert len(bucket.listed("indexes/")) == 1
    copies = fetched(collection, bucket, version, tmp_path / "there")
    for each in (collection, other):
        assert contents(each.store.index(version)) == contents(copies.index(version))


def test_a_builder_takes_a_version_that_another_has_built(
    collection: Collection, bucket: Bucket, tmp_path: Path
) -> None:
    """It has no vectors here: what it does not build, it cannot have built."""
    collection.add(*numbered(30))
    version = collection.publish()
    other = Collection(collection.sessions, ArtifactStore(tmp_path / "other", bucket))
    assert next_index(other.sessions, other.store, SPACE, "auto").is_current
    assert other.build() == version
    assert contents(other.store.index(version)) == contents(collection.store.index(version))
    assert other.publish(version) == version


def test_puts_and_removals_wait_for_each_other(collection: Collection, bucket: Bucket) -> None:
    collection.add(*numbered(10))
    version = without_bucket(collection).build()
    thread = threading.Thread(target=collection.publish, args=(version,))
    with bucket_lock(collection.sessions):
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        assert bucket.listed() == []
    thread.join()
    assert is_uploaded(collection.store, version, recorded(collection.sessions, version))


def test_a_bucket_that_is_away_keeps_the_served_version(
    collection: Collection, bucket: Bucket, s3: BaseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.add(*numbered(10))
    first = collection.publish()
    collection.add(*numbered(10))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    del bucket._store
    with pytest.raises(BucketError, match="cannot be"):
        collection.publish()
    with collection.sessions() as session:
        served = publications.published(session)
    assert served
    assert served.index.version == first
    wanted = next_index(collection.sessions, collection.store, SPACE, "auto")
    assert wanted.version not in (None, first), "it is still to be published"


def test_a_version_that_was_published_before_there_was_a_bucket_is_put(
    collection: Collection, bucket: Bucket
) -> None:
    collection.add(*numbered(10))
    plain = without_bucket(collection)
    version = plain.publish()
    assert next_index(plain.sessions, plain.store, SPACE, "auto").is_current
    assert next_index(collection.sessions, collection.store, SPACE, "auto").version == version
    assert collection.publish() == version
    assert next_index(collection.sessions, collection.store, SPACE, "auto").is_current
    assert is_uploaded(collection.store, version, recorded(collection.sessions, version))


def test_a_damaged_file_is_not_put(collection: Collection, bucket: Bucket) -> None:
    collection.add(*numbered(10))
    version = without_bucket(collection).build()
    flip_a_bit(segment_of(collection.store.index(version)) / INDEX)
    with pytest.raises(ArtifactError, match=INDEX):
        upload_version(collection.store, bucket, version)
    assert bucket.listed() == []


def test_another_manifest_than_the_recorded_one_is_refused(
    collection: Collection, bucket: Bucket, tmp_path: Path
) -> None:
    collection.add(*numbered(10))
    version = collection.publish()
    sha256 = recorded(collection.sessions, version)
    key = f"indexes/{version}/{sha256}.json"
    forged = bucket.read(key).replace(b"made-up", b"made-it")
    assert hashlib.sha256(forged).hexdigest() != sha256
    bucket.put_bytes(key, forged)
    with pytest.raises(ArtifactError, match="its manifest in the bucket is damaged"):
        fetched(collection, bucket, version, tmp_path / "there")
    assert not (tmp_path / "there").exists()
