"""Adding a model must take a folder, a line in the registry and a name, and nothing else.

Done to a copy of the packages, which then ingests two files through Dagster and serves them.
"""

import shutil
from pathlib import Path

import pytest

from soundalike.embedders.registry import BUILT_IN
from soundalike.settings import model_names
from tests.e2e.conftest import Installation, serving
from tests.sounds import song
from tests.source import PACKAGES, REPOSITORY

REGISTRY = "soundalike/embedders/registry.py"


def test_the_registry_has_a_spec_for_each_name_that_the_settings_allow() -> None:
    assert set(BUILT_IN) == set(model_names.BUILT_IN)
    assert all(spec.name == name for name, spec in BUILT_IN.items())


@pytest.fixture
def copy(open_folder: Path) -> Path:
    """The packages with the tiny model added to them."""
    folder = open_folder / "copy"
    for package in PACKAGES:
        shutil.copytree(REPOSITORY / package, folder / package)
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(REPOSITORY / name, folder / name)
    shutil.copytree(Path(__file__).parent / "tiny", folder / "soundalike/embedders/tiny")
    _replace(
        folder / REGISTRY,
        "from soundalike.settings import",
        "from soundalike.embedders.tiny.spec import TINY\nfrom soundalike.settings import",
    )
    _replace(folder / REGISTRY, "        MERT_95M,\n", "        TINY,\n        MERT_95M,\n")
    names = "BUILT_IN = ("
    _replace(folder / "soundalike/settings/model_names.py", names, f'{names}"tiny", ')
    return folder


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


@pytest.mark.slow
def test_a_new_model_ingests_and_serves(
    copy: Path, open_folder: Path, tmp_path: Path, free_port: int
) -> None:
    music = open_folder / "music"
    music.mkdir()
    for seed in (1, 2):
        song(music / f"{seed}.flac", seconds=3.0, seed=seed)
    installation = Installation.at(
        open_folder / "data", tmp_path / "models", PYTHONPATH=str(copy), SOUNDALIKE_MODEL="tiny"
    )
    output = installation.run("ingest", music)
    assert "tiny: licence CC0" in output
    assert "2 tracks embedded, 0 failures" in output
    with serving(installation, free_port) as client:
        assert client.get("/v1/index").json()["space"].startswith("tiny.bands-")
        [first, second] = client.get("/v1/tracks").json()["items"]
        similar = client.get(f"/v1/tracks/{first['id']}/similar").json()
        assert [result["track"]["id"] for result in similar["items"]] == [second["id"]]
        assert similar["items"][0]["track"]["tags"] == [{"word": "tiny", "weight": 1.0}]
        unknown = song(tmp_path / "unknown.flac", seconds=3.0, seed=3)
        answer = client.post("/v1/search/audio", content=unknown.read_bytes(), timeout=60)
        assert {result["track"]["id"] for result in answer.json()["items"]} == {
            first["id"],
            second["id"],
        }
