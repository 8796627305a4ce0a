"""What a person does with a library from day to day, by docs/operations.md's commands."""

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import Installation
from tests.sounds import song

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def library(open_module_folder: Path, models_dir: Path) -> Installation:
    """Two songs, one of them in a folder called live, and a file that is none."""
    music = open_module_folder / "music"
    song(music / "a.flac", seed=1)
    song(music / "live" / "b.mp3", seed=2)
    (music / "words.mp3").write_text("words " * 100)
    installation = Installation.at(open_module_folder / "data", models_dir)
    installation.run("ingest", music)
    return installation


def music_of(library: Installation) -> Path:
    return library.data.parent / "music"


def test_failures_are_listed_and_tried_again_when_asked(library: Installation) -> None:
    assert "words.mp3" in library.run("failures")
    [line] = library.run("failures", "--json").splitlines()
    failure = json.loads(line)
    assert (failure["code"], failure["attempts"], failure["retry_at"]) == ("not_audio", 1, None)
    assert "0 failures of 1 will be retried" in " ".join(library.run("failures", "retry").split())
    assert "1 failure of 1" in " ".join(library.run("failures", "retry", "--all").split())
    assert "nothing new" not in library.run("ingest"), "it was tried"
    [line] = library.run("failures", "--json").splitlines()
    assert json.loads(line)["message"] == failure["message"]


def test_what_is_left_out_goes_and_comes_back(library: Installation) -> None:
    ignore = music_of(library) / ".soundalikeignore"
    ignore.write_text("live/\n")
    output = library.run("ingest")
    assert "1 removed" in output
    assert "index" in output
    ignore.unlink()
    assert "2 tracks is published" in " ".join(library.run("ingest").split())


def test_gc_shows_first_and_removes_only_when_told(library: Installation) -> None:
    song(music_of(library) / "c.flac", seed=3)
    library.run("ingest")
    before = sorted((library.data / "indexes").iterdir())
    shown = " ".join(library.run("gc", "--keep-indexes", "0").split())
    assert "nothing was removed" in shown
    assert sorted((library.data / "indexes").iterdir()) == before
    assert "removed" in library.run("gc", "--keep-indexes", "0", "--apply")
    [left] = (library.data / "indexes").iterdir()
    assert library.ask("select version from publications order by id desc limit 1") == left.name
    assert "nothing to remove" in library.run("gc", "--keep-indexes", "0")
    assert "c" in library.run("similar", "c.flac")


def test_a_library_moved_as_a_whole_costs_reading_only(library: Installation) -> None:
    music = music_of(library)
    (music / "moved").mkdir()
    for path in (*music.glob("*.flac"), music / "live"):
        shutil.move(path, music / "moved")
    output = " ".join(library.run("ingest").split())
    assert "0 tracks embedded" in output
    assert "is up to date" in output
