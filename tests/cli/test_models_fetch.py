"""`soundalike models fetch` as a person runs it, with a hub on loopback or none."""

import os
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from soundalike.cli.weights import fetch_missing, fetch_shown
from soundalike.settings import Settings
from tests.e2e.conftest import COMMAND
from tests.hub import BINARY, MODEL, Hub

NOWHERE = {
    "HF_ENDPOINT": "http://127.0.0.1:1",
    "NO_PROXY": "127.0.0.1",
    "DATABASE_URL": "postgresql://127.0.0.1:1/none",
    "COLUMNS": "400",  # nothing is folded
}


def _run(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The ended command, without hub and database. A library that retries would take minutes."""
    places = {"SOUNDALIKE_DATA": str(data / "data"), "XDG_CACHE_HOME": str(data / "cache")}
    environment = {**os.environ, **NOWHERE, **places}
    return subprocess.run(
        [COMMAND, *words], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("model", ["mert-v1-95m", "mert-v1-330m"])
@pytest.mark.slow
def test_without_a_hub_it_ends_soon_with_one_message(model: str, tmp_path: Path) -> None:
    ended = _run(tmp_path, "models", "fetch", model)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr + ended.stdout
    assert not (tmp_path / "data").exists()
    first, place, *ways = ended.stderr.splitlines()
    assert first == (
        f"error: {model}: its weights cannot be fetched: 127.0.0.1:1: Connection refused"
    )
    assert str(tmp_path / "cache" / "soundalike" / "models" / model) in place
    named = ("SOUNDALIKE_MERT_PATH", "HTTPS_PROXY", "SOUNDALIKE_MODEL=musicnn-msd")
    assert [name in way for name, way in zip(named, ways, strict=True)] == [True, True, True]


@pytest.mark.slow
def test_the_doctor_says_what_is_not_fetched_and_how_to(tmp_path: Path) -> None:
    ended = _run(tmp_path, "doctor")
    assert ended.returncode == 1
    place = tmp_path / "cache" / "soundalike" / "models" / MODEL
    assert f"not fetched yet, to be in {place}" in ended.stdout
    assert "378 MB are fetched from the Hugging Face hub" in ended.stdout
    assert f"soundalike models fetch {MODEL} (the first ingest does it too)" in ended.stdout


def test_a_terminal_sees_licence_and_bytes(tmp_path: Path, hub: Hub) -> None:
    console = Console(record=True, force_terminal=True, width=200)
    fetch_shown(Settings(models=tmp_path), MODEL, console)
    shown = console.export_text()
    assert "licence CC-BY-NC-4.0: not for commercial use" in shown
    assert f"{len(BINARY) / 1000:.1f}/{len(BINARY) / 1000:.1f} kB" in shown


def test_a_log_file_gets_no_bar(
    tmp_path: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_shown(Settings(models=tmp_path), MODEL, Console())
    assert capsys.readouterr().out.splitlines() == [
        "mert-v1-95m: licence CC-BY-NC-4.0: not for commercial use",
        "mert-v1-95m: 378 MB are fetched from the Hugging Face hub, once",
    ]


def test_an_ingest_fetches_what_is_missing_once(tmp_path: Path, hub: Hub) -> None:
    settings = Settings(model=MODEL, models=tmp_path)
    fetch_missing(settings, Console())
    hub.asked.clear()
    fetch_missing(settings, Console())
    assert hub.asked == []
