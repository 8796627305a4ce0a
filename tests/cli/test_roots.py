"""`soundalike roots`: what a person reads and types."""

import shutil

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from soundalike.cli import app
from soundalike.errors import LibraryError
from soundalike.settings import load_settings
from tests.library import Library


@pytest.fixture(autouse=True)
def _settings(library: Library, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SOUNDALIKE_DATA", str(library.store.root))
    monkeypatch.setattr("soundalike.cli.roots.out", Console(width=300))
    load_settings.cache_clear()


def roots(*words: str) -> Result:
    return CliRunner().invoke(app, ["roots", *words])


def test_each_is_listed_with_its_files_and_what_is_wrong(library: Library) -> None:
    assert "ingest FOLDER" in roots().output
    (library.music / "a.mp3").write_bytes(b"x")
    library.scan()
    listed = roots()
    assert listed.exit_code == 0
    assert f"{library.music}  1" in listed.output
    shutil.rmtree(library.music)
    wrong = roots()
    assert wrong.exit_code == 1
    assert "it is not there now, with 1 known files" in wrong.output


def test_one_is_moved_removed_and_added(library: Library) -> None:
    (library.music / "a.mp3").write_bytes(b"x")
    library.scan()
    moved = library.music.with_name("elsewhere")
    library.music.rename(moved)
    assert roots("move", str(library.music), str(moved)).exit_code == 0
    assert str(moved) in roots().output
    removed = roots("remove", str(moved))
    assert "is removed, with 1 file" in removed.output
    assert str(moved) not in roots().output
    assert roots("add", str(moved)).exit_code == 0
    assert str(moved) in roots().output


def test_an_unknown_one_is_an_error_in_words(library: Library) -> None:
    library.scan()
    ended = roots("remove", "/nowhere")
    assert isinstance(ended.exception, LibraryError)
    assert str(library.music) in str(ended.exception)


def test_one_that_the_settings_name_is_said_to_come_back(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.scan()
    monkeypatch.setenv("SOUNDALIKE_MUSIC", str(library.music))
    load_settings.cache_clear()
    assert "take it out there too" in roots("remove", str(library.music)).output
