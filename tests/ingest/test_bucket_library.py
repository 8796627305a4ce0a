"""Music in a bucket goes the whole way, and a bucket that is gone loses nothing."""

from pathlib import Path

import pytest
from botocore.client import BaseClient

from soundalike.ingest.compare import Change
from soundalike.ingest.roots import register_roots
from soundalike.ingest.scan import ScanReport, ScanRules, scan
from tests.library import Library
from tests.sounds import song

RULES = ScanRules(settle_seconds=0, batch_tracks=100)


def put(s3: BaseClient, file: Path, key: str) -> None:
    s3.put_object(Bucket="music", Key=key, Body=file.read_bytes())


def scanned(library: Library) -> ScanReport:
    report = scan(library.sessions, RULES)
    for batch in library.pending():
        library.process(batch)
    return report


def test_a_bucket_is_a_library(library: Library, s3: BaseClient, tmp_path: Path) -> None:
    for seed, name in enumerate(("a.flac", "b.mp3", "c.ogg")):
        put(s3, song(tmp_path / name, seconds=2.0, seed=seed), f"shelf/album/{name}")
    put(s3, tmp_path / "a.flac", "shelf/copy of a.flac")
    register_roots(library.sessions, ["s3://music/shelf"])
    assert scanned(library).changes[Change.NEW] == 4
    before = library.publish()
    assert before.tracks == 3
    assert not library.store.scratch.exists() or not any(library.store.scratch.iterdir())
    assert scanned(library).changes == {Change.NONE: 4}
    s3.copy_object(Bucket="music", Key="shelf/moved.mp3", CopySource="music/shelf/album/b.mp3")
    s3.delete_object(Bucket="music", Key="shelf/album/b.mp3")
    scanned(library)
    assert library.publish().version == before.version
    assert library.model.embedder.embedded == 3


def test_a_bucket_that_is_gone_removes_nothing(
    library: Library, s3: BaseClient, tmp_path: Path
) -> None:
    s3.create_bucket(Bucket="going")
    s3.put_object(
        Bucket="going", Key="a.flac", Body=song(tmp_path / "a.flac", seconds=2.0).read_bytes()
    )
    register_roots(library.sessions, ["s3://going"])
    scanned(library)
    s3.delete_object(Bucket="going", Key="a.flac")
    s3.delete_bucket(Bucket="going")
    report = scanned(library)
    assert report.gone == 0
    assert "s3://going: all of it: there is no such bucket" in report.problems
    assert library.publish().tracks == 1


def test_a_bucket_inside_another_root_is_there_already(library: Library) -> None:
    register_roots(library.sessions, ["s3://music/shelf", "s3://music/shelf/album"])
    with library.sessions() as session:
        assert session.connection().exec_driver_sql("select count(*) from roots").scalar() == 1


@pytest.mark.parametrize("extra", ["", "/"])
def test_a_bucket_is_named_one_way(library: Library, extra: str) -> None:
    register_roots(library.sessions, [f"s3://music/shelf{extra}", "s3://music/shelf"])
    with library.sessions() as session:
        assert session.connection().exec_driver_sql("select count(*) from roots").scalar() == 1
