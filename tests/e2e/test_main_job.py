"""The main job on real music with the real model: ingest, ask, add a track, ask again."""

import json
import shutil
from pathlib import Path

import httpx
import pytest

from soundalike.vectors.index.open_index import OpenIndex
from tests.e2e.conftest import Installation, serving
from tests.indexes import neighbours
from tests.patience import until

INGEST_RUNS = "select count(*) from dagster.runs where pipeline_name = 'ingest_batch'"


@pytest.fixture(scope="module")
def installation(open_module_folder: Path, models_dir: Path) -> Installation:
    return Installation.at(open_module_folder / "data", models_dir)


@pytest.fixture(scope="module")
def music(open_module_folder: Path, demo_music: Path, installation: Installation) -> Path:
    """The demo music, ingested but for one track."""
    folder = open_module_folder / "music"
    shutil.copytree(demo_music, folder)
    shutil.move(folder / "calm" / "calm_acoustic_1.opus", open_module_folder)
    output = installation.run("ingest", folder)
    assert "27 new" in output
    assert "27 tracks embedded, 0 failures" in output
    return folder


@pytest.mark.slow
def test_nothing_new_starts_no_embedding_run(installation: Installation, music: Path) -> None:
    before = installation.ask(INGEST_RUNS)
    output = installation.run("ingest")
    assert "nothing new" in output
    assert "is up to date" in output
    assert installation.ask(INGEST_RUNS) == before == 1


@pytest.mark.slow
def test_one_new_file_is_embedded_alone_and_served_without_restart(
    installation: Installation, music: Path, free_port: int
) -> None:
    with serving(installation, free_port) as client:
        before = client.get("/v1/index").json()
        assert before["tracks"] == 27
        late = music.parent / "calm_acoustic_1.opus"
        shutil.copy(late, music / "calm" / "calm_acoustic_1.opus")
        assert "1 track embedded, 0 failures" in installation.run("ingest")

        def swapped() -> bool:
            now: httpx.Response = client.get("/v1/index")
            return bool(now.json()["version"] != before["version"])

        until(swapped)
        assert client.get("/v1/index").json()["tracks"] == 28
        [track] = client.get("/v1/tracks", params={"q": "calm_acoustic_1"}).json()["items"]
        answer = client.get(f"/v1/tracks/{track['id']}/similar", params={"limit": 5}).json()
        assert answer["track"] == track
        assert [result["rank"] for result in answer["items"]] == [1, 2, 3, 4, 5]
        assert track["id"] not in [result["track"]["id"] for result in answer["items"]]
        assert track["path"] == "calm/calm_acoustic_1.opus"
        assert track["tags"][0]["weight"] >= track["tags"][-1]["weight"] > 0


@pytest.mark.slow
def test_neighbours_share_the_instrumentation(installation: Installation, music: Path) -> None:
    titles = installation.ask("select json_object_agg(id, title) from tracks")
    version = installation.ask("select version from publications order by id desc limit 1")
    index = OpenIndex.open(installation.data / "indexes" / version)
    kinds = {track: "acoustic" in title for track, title in titles.items()}
    same = [
        kinds[neighbour] == kinds[track]
        for track in index.track_ids
        for neighbour, _ in neighbours(index, track, 3)
    ]
    assert len(same) >= 3 * 27
    assert sum(same) / len(same) >= 0.95


def test_the_demo_needs_no_setting_and_shows_two_tables(
    open_folder: Path, installation: Installation, music: Path
) -> None:
    """On a data root of its own; afterwards another terminal needs the data root's name alone."""
    unset = {k: v for k, v in installation.environment.items() if k != "SOUNDALIKE_MODEL"}
    data = open_folder / "demo data"
    fresh = Installation(data, {**unset, "SOUNDALIKE_DATA": str(data), "COLUMNS": "400"})
    (open_folder / "few").mkdir()
    for path in sorted(music.rglob("*.opus"))[:3]:
        shutil.copy(path, open_folder / "few")
    output = fresh.run("demo", open_folder / "few", "--no-serve")
    assert output.count("Sounds like") == 2
    assert f"export SOUNDALIKE_DATA='{data}'" in output
    assert 'model = "musicnn-msd"' in (data / "soundalike.toml").read_text()
    assert "nothing new" in fresh.run("ingest")
    assert "Sounds like" in fresh.run("similar", output.split("Sounds like ")[1].split()[0])


@pytest.mark.slow
def test_the_demo_leaves_the_model_of_a_library_as_it_is(
    installation: Installation, music: Path
) -> None:
    unset = {k: v for k, v in installation.environment.items() if k != "SOUNDALIKE_MODEL"}
    no_hub = Installation(installation.data, {**unset, "HF_ENDPOINT": "http://127.0.0.1:1"})
    installation.do("update library_settings set model = 'mert-v1-95m'")
    try:
        output = no_hub.run("demo", music, "--no-serve", expect=1)
    finally:
        installation.do("update library_settings set model = 'musicnn-msd'")
    assert "mert-v1-95m: licence" in output
    assert not (installation.data / "soundalike.toml").exists()


@pytest.mark.slow
def test_the_terminal_answers_too(installation: Installation, music: Path) -> None:
    answer = json.loads(installation.run("similar", "happy_electronic_1.opus", "--json"))
    assert len(answer["items"]) == 10
    assert answer["track"]["title"] == "happy_electronic_1"
    assert Path(answer["track"]["location"]).name == Path(answer["track"]["path"]).name
    assert "Sounds like happy_electronic_1" in installation.run("similar", answer["track"]["id"])
    assert "no track matches 'nowhere'" in installation.run("similar", "nowhere", expect=1)
