"""A run in a process of its own leaves its log where the Dagster UI shows it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from soundalike.catalog.upgrade import upgrade
from soundalike.environment import PROJECT, child_environment
from soundalike.postgres import connected_database
from soundalike.settings import Settings
from tests.e2e.conftest import Installation
from tests.sounds import song

EXECUTE = ("-m", "dagster", "job", "execute", "-m", "pipelines.definitions", "-j", "scan")


@pytest.mark.slow
def test_its_events_and_its_stderr_say_what_it_did(open_folder: Path, models_dir: Path) -> None:
    music = open_folder / "music"
    music.mkdir()
    song(music / "a.flac", seconds=2.0)
    installation = Installation.at(open_folder / "data", models_dir, SOUNDALIKE_MUSIC=str(music))
    settings = Settings(data=installation.data)
    with connected_database(settings) as url:
        upgrade(url)
        environment = {**installation.environment, **child_environment(settings, url)}
        environment |= {"SOUNDALIKE_MUSIC": str(music), "SOUNDALIKE_SETTLE_SECONDS": "0"}
        subprocess.run(
            [sys.executable, *EXECUTE], env=environment, cwd=PROJECT, check=True, timeout=300
        )
        lines = [
            json.loads(line)
            for file in (installation.data / "dagster" / "logs").rglob("*.err")
            for line in file.read_text().splitlines()
            if line.startswith("{")
        ]
    changes = "1 new, 0 changed, 0 outdated, 0 returned, 0 removed"
    told = f"library: 1 music files, {changes}; batches b000001"
    [line] = [line for line in lines if line["event"] == "stage.done"]
    assert line["message"] == told
    assert len(line["run_id"]) == 36, "a run's id"
