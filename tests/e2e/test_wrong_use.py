"""What people get wrong gets a message, and an exit code that a script can see."""

from pathlib import Path

import pytest

from tests.e2e.conftest import Installation


@pytest.fixture(scope="module")
def installation(open_module_folder: Path, models_dir: Path) -> Installation:
    return Installation.at(open_module_folder / "data", models_dir)


def test_folders_that_hold_no_music(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a")
    for name, message in (
        ("nowhere", "does not exist"),
        ("empty", "holds no music (it is empty)"),
        ("texts", "holds no music (1 other files)"),
    ):
        output = installation.run("ingest", tmp_path / name, expect=1)
        assert message in " ".join(output.split())
        assert "Traceback" not in output


def test_nothing_but_broken_files(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "words.mp3").write_text("words " * 100)
    output = installation.run("ingest", tmp_path)
    assert "1 files did not get through" in output
    assert "no track is embedded yet, so there is no index" in output


def test_asking_before_anything_is_published(installation: Installation) -> None:
    installation.run("db", "upgrade")
    assert "is it ingested?" in installation.run("similar", "anything", expect=1)


def test_a_wrong_setting_is_named(installation: Installation) -> None:
    wrong = Installation(
        installation.data, {**installation.environment, "SOUNDALIKE_DEVICE": "abacus"}
    )
    output = wrong.run("ingest", expect=2)
    assert "SOUNDALIKE_DEVICE='abacus'" in output
    assert "Traceback" not in output


def test_a_model_that_cannot_be_had_is_named(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_text("words " * 100)
    other = Installation(
        installation.data, {**installation.environment, "SOUNDALIKE_MODEL": "mert-v1-95m"}
    )
    output = " ".join(other.run("ingest", tmp_path, expect=1).split())
    assert "SOUNDALIKE_MERT_PATH" in output
    assert "Traceback" not in output


def test_the_doctor_finds_what_is_there(installation: Installation) -> None:
    output = installation.run("doctor", expect=1)
    assert "none is published" in output
    assert "soundalike ingest FOLDER" in output
