"""A bucket is music like a folder: on a real S3 server, in a process of its own thread."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3fs
from botocore.client import BaseClient

from soundalike.errors import AudioError, LibraryError
from soundalike.sources import bucket, bucket_listing
from soundalike.sources.entry import Entry, EntryKind
from soundalike.sources.ignore import IgnoreRules
from soundalike.sources.roots import MusicRoot


def put(s3: BaseClient, **objects: bytes) -> None:
    for key, body in objects.items():
        s3.put_object(Bucket="music", Key=key, Body=body)


def listed(location: str) -> dict[str, Entry]:
    found = MusicRoot.named(location).entries(IgnoreRules(), settle_seconds=0)
    return {entry.shown: entry for entry in found}


def test_a_bucket_is_listed_like_a_folder(s3: BaseClient) -> None:
    put(
        s3,
        **{
            "alike/a/é.mp3": b"four",
            "alike/a-b.flac": b"x",
            "alike/cover.jpg": b"x",
            "alike/live/c.mp3": b"x",
            "alike/.soundalikeignore": b"live/\n",
            "alike/.hidden/d.mp3": b"x",
            "alike/empty/": b"",
            "other/e.mp3": b"x",
        },
    )
    found = listed("s3://music/alike/")
    assert {name: entry.kind for name, entry in found.items()} == {
        "a-b.flac": EntryKind.MUSIC,
        "a/é.mp3": EntryKind.MUSIC,
        "cover.jpg": EntryKind.LEFT_OUT,
        "live/": EntryKind.LEFT_OUT,
        ".hidden/": EntryKind.LEFT_OUT,
    }
    assert list(found) == [".hidden/", "a-b.flac", "a/é.mp3", "cover.jpg", "live/"]
    assert found["a/é.mp3"].size == 4
    stored = s3.head_object(Bucket="music", Key="alike/a/é.mp3")["LastModified"]
    assert found["a/é.mp3"].mtime_ns == int(stored.timestamp()) * 10**9


def test_a_bucket_of_many_pages_is_listed_to_its_end(
    s3: BaseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "PAGE", 2)
    names = ["(a).mp3", "a b/1.mp3", "a/1.mp3", "a/b/2.mp3", "a/z.mp3", "b.mp3", "é/3.mp3"]
    put(s3, **{f"paged/{name}": b"x" for name in names})
    assert list(listed("s3://music/paged")) == sorted(names, key=str.encode)
    assert list(listed("s3://music/paged/a")) == ["1.mp3", "b/2.mp3", "z.mp3"]


def test_a_listing_that_finds_no_room_leaves_the_bucket_unseen_not_empty(
    s3: BaseClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, **{"full/a.mp3": b"x"})
    monkeypatch.setattr(bucket_listing, "_TABLE", "attach '/nowhere/at/all' as full")
    [entry] = listed("s3://music/full").values()
    assert (entry.kind, "no temporary file" in entry.reason) == (EntryKind.UNSEEN, True)


def test_an_object_with_the_prefix_s_own_name_is_not_in_it(s3: BaseClient) -> None:
    put(s3, **{"solo.mp3": b"x", "solo.mp3.bak/a.mp3": b"x"})
    assert listed("s3://music/solo.mp3") == {}


@pytest.mark.parametrize("times", [1, 500_000])
def test_an_object_is_at_hand_as_a_file_for_as_long_as_it_is_read(
    s3: BaseClient, tmp_path: Path, times: int
) -> None:
    put(s3, **{"lib/a.mp3": b"sound" * times})
    root = MusicRoot.named("s3://music/lib")
    with root.local_copy(b"a.mp3", tmp_path / "scratch") as path:
        assert path.read_bytes() == b"sound" * times
        assert path.suffix == ".mp3"
    assert list((tmp_path / "scratch").iterdir()) == []


def test_an_object_that_the_disk_has_no_room_for_is_not_fetched(
    s3: BaseClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, **{"lib/a.mp3": b"sound"})
    monkeypatch.setattr(bucket, "MIN_FREE_BYTES", shutil.disk_usage(tmp_path).total)
    root = MusicRoot.named("s3://music/lib")
    with pytest.raises(AudioError) as full, root.local_copy(b"a.mp3", tmp_path):
        pass
    assert full.value.code == "no_room"
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_went_is_its_own_failure(s3: BaseClient, tmp_path: Path) -> None:
    root = MusicRoot.named("s3://music/lib")
    with pytest.raises(AudioError) as gone, root.local_copy(b"no.mp3", tmp_path):
        pass
    assert gone.value.code == "vanished"


@pytest.mark.parametrize("location", ["s3://nowhere-at-all", "s3://nowhere-at-all/lib"])
def test_a_bucket_that_is_not_there_is_unseen_not_empty(s3: BaseClient, location: str) -> None:
    [(name, entry)] = listed(location).items()
    assert (name, entry.kind) == ("", EntryKind.UNSEEN)
    assert "bucket" in entry.reason


@pytest.fixture
def _silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing answers at the buckets' endpoint."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()  # it would know the answering endpoint still
    yield
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.usefixtures("s3", "_silent")
def test_a_bucket_that_does_not_answer_is_unseen_not_empty() -> None:
    [(name, entry)] = listed("s3://music/lib").items()
    assert (name, entry.kind) == ("", EntryKind.UNSEEN)
    assert "does not answer" in entry.reason


@pytest.mark.usefixtures("s3", "_silent")
def test_an_object_of_a_bucket_that_does_not_answer_is_not_said_to_be_gone(tmp_path: Path) -> None:
    root = MusicRoot.named("s3://music/lib")
    with pytest.raises(AudioError) as silent, root.local_copy(b"a.mp3", tmp_path):
        pass
    assert silent.value.code == "unreadable"
    assert "does not answer" in str(silent.value)


def test_other_urls_are_refused() -> None:
    with pytest.raises(LibraryError, match=r"only folders and s3:// buckets"):
        MusicRoot.named("ftp://host/music")
