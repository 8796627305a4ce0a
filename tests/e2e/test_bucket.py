"""Two builders and a machine that only serves, as real processes around one bucket."""

import shutil
from pathlib import Path

import pytest

from soundalike.storage.bucket import Bucket
from tests.e2e.conftest import Installation, serving
from tests.patience import until

SERVED = "select version from publications order by id desc limit 1"


def machine(folder: Path, models: Path, url: str, bucket: Bucket, **more: str) -> Installation:
    shared = {"DATABASE_URL": url, "SOUNDALIKE_ARTIFACTS": bucket.url}
    return Installation.at(folder, models, **shared, **more)


@pytest.mark.slow
def test_a_library_is_built_on_two_machines_and_served_on_a_third(
    tmp_path: Path,
    models_dir: Path,
    demo_music: Path,
    database_url: str,
    bucket: Bucket,
    free_port: int,
) -> None:
    songs, music = sorted(demo_music.rglob("*.opus"))[:6], tmp_path / "music"
    music.mkdir()
    for song in songs[:4]:
        shutil.copy(song, music)
    keep = {"SOUNDALIKE_KEEP_AUDIO": "none"}
    one = machine(tmp_path / "one", models_dir, database_url, bucket, **keep)
    other = machine(tmp_path / "other", models_dir, database_url, bucket, **keep)
    third = machine(tmp_path / "third", models_dir, database_url, bucket)
    third.data.mkdir()
    assert "4 tracks embedded, 0 failures" in one.run("ingest", music)
    with serving(third, free_port) as client:
        until(lambda: client.get("/health/ready").status_code == 200)
        index = client.get("/v1/index").json()
        assert index["tracks"] == 4
        for song in songs[4:]:
            shutil.copy(song, music)
        assert "2 tracks embedded, 0 failures" in other.run("ingest")
        until(lambda: client.get("/v1/index").json()["version"] != index["version"])
        assert client.get("/v1/index").json()["tracks"] == 6
        assert client.get("/health/ready").json()["problem"] is None
        tracks = [track["id"] for track in client.get("/v1/tracks").json()["items"]]
        answers = {track: _similar(client, track) for track in tracks}
    with serving(other, free_port) as client:
        until(lambda: client.get("/health/ready").status_code == 200)
        assert {track: _similar(client, track) for track in tracks} == answers
    assert not (third.data / "indexes").exists()
    assert not [*one.data.rglob("*.flac"), *other.data.rglob("*.flac")]
    assert "nothing new" in one.run("ingest"), "what another machine built is not built again"
    assert "the bucket: all of it is whole" in one.run("verify", "--bucket")
    assert "ok  bucket" in one.run("doctor")


def _similar(client: object, track: str) -> object:
    return client.get(f"/v1/tracks/{track}/similar").json()["items"]  # type: ignore[attr-defined]
