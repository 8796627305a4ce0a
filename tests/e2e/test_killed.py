"""Killed at any line and run again, an ingest ends where an undisturbed one does."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.conftest import Installation
from tests.patience import until

pytestmark = pytest.mark.slow

TRACKS = 4
KILLED_AT = (
    "audio/44100/*/.*.tmp",
    "embeddings/*/b000001.npy",
    "embeddings/*/b000002.npy",
    "segments/*/index.faiss",
)


@pytest.fixture(scope="module")
def music(open_module_folder: Path, demo_music: Path) -> Path:
    folder = open_module_folder / "music"
    folder.mkdir()
    for path in sorted(demo_music.rglob("*.opus"))[:TRACKS]:
        shutil.copy(path, folder)
    return folder


def installed(folder: Path, models: Path) -> Installation:
    """Batches of two tracks, so that there is much to be killed between."""
    return Installation.at(folder, models, SOUNDALIKE_BATCH_TRACKS="2")


@pytest.fixture(scope="module")
def undisturbed(open_module_folder: Path, models_dir: Path, music: Path) -> Installation:
    installation = installed(open_module_folder / "undisturbed", models_dir)
    installation.run("ingest", music)
    return installation


def kill_when(process: subprocess.Popen[str], data: Path, pattern: str) -> None:
    """kill -9 the whole process group as soon as a file like this appears in the data root."""

    def appeared() -> bool:
        with suppress(FileNotFoundError):  # a temporary folder that was renamed as we looked
            return any(data.glob(pattern))
        return True

    with process:
        until(appeared)
        os.killpg(process.pid, signal.SIGKILL)


def assert_nothing_is_left(installation: Installation) -> None:
    """No file is blamed, and runs that died are not shown as running for ever."""
    assert installation.ask("select count(*) from failures") == 0
    assert installation.ask("select count(*) from dagster.runs where status = 'STARTED'") == 0


def test_an_ingest_killed_once_is_finished_by_the_next(
    open_folder: Path, models_dir: Path, music: Path
) -> None:
    installation = installed(open_folder / "killed", models_dir)
    process = installation.start("ingest", music, start_new_session=True)
    kill_when(process, installation.data, KILLED_AT[1])
    output = installation.run("ingest", music)
    assert f"{TRACKS} music files: 0 new" in output
    assert f"with {TRACKS} tracks is published" in " ".join(output.split())
    assert_nothing_is_left(installation)


def test_an_ingest_killed_again_and_again_ends_with_the_same_index(
    open_module_folder: Path, models_dir: Path, music: Path, undisturbed: Installation
) -> None:
    installation = installed(open_module_folder / "killed", models_dir)
    for pattern in KILLED_AT:
        process = installation.start("ingest", music, start_new_session=True)
        kill_when(process, installation.data, pattern)
    output = installation.run("ingest", music)
    assert f"{TRACKS} music files: 0 new" in output
    assert installation.published_vectors() == undisturbed.published_vectors()
    assert_nothing_is_left(installation)
