"""An ingest must end at the first Ctrl-C, wherever it is, say so, and be finished by the next."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import Installation
from tests.patience import until
from tests.sounds import song

pytestmark = pytest.mark.slow

TRACKS = 8


@pytest.fixture
def music(open_folder: Path) -> Path:
    folder = open_folder / "music"
    folder.mkdir()
    for seed in range(TRACKS):
        song(folder / f"{seed}.flac", seconds=4.0, seed=seed)
    return folder


@pytest.fixture
def installation(open_folder: Path, models_dir: Path) -> Installation:
    small = {"SOUNDALIKE_BATCH_TRACKS": "1", "SOUNDALIKE_BATCHES_PER_RUN": "1"}
    return Installation.at(open_folder / "data", models_dir, **small)


@pytest.mark.parametrize(
    "signals", [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT, signal.SIGINT, signal.SIGHUP)]
)
@pytest.mark.parametrize("moment", ["", "music files", "batch 2 of", f"batch {TRACKS} of"])
def test_it_stops_and_the_next_one_goes_on(
    installation: Installation, music: Path, moment: str, signals: tuple[signal.Signals, ...]
) -> None:
    with installation.start("ingest", music, start_new_session=True) as ingest:
        output = read_until(ingest, moment)
        for number in signals:
            os.killpg(ingest.pid, number)
            time.sleep(0.05)
        began = time.monotonic()
        output += ingest.communicate(timeout=60)[0]
    assert time.monotonic() - began < 20
    assert ingest.returncode == 130, output
    assert "stopped; finished work is kept" in output
    for unwanted in ("Traceback", "Error", "error", "Interrupt", "is published"):
        assert unwanted not in output
    if moment == "batch 2 of":
        assert "batch 4 of" not in output
    assert f"with {TRACKS} tracks is published" in installation.run("ingest", music)


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """The lines that the process prints up to one with these words."""
    assert process.stdout is not None
    output = ""
    if not words:
        of_pipeline = psutil.Process(process.pid).cmdline
        until(lambda: "pipelines.foreground" in of_pipeline())
        time.sleep(0.5)  # it loads its modules
    while words and words not in output:
        line = process.stdout.readline()
        assert line, output
        output += line
    return output
