"""What people get wrong gets a message, and an exit code that a script can see."""

from pathlib import Path

import pytest

from tests.e2e.conftest import Installation


@pytest.fixture(scope="module")
def installation(open_module_folder: Path, models_dir: Path) -> Installation:
    return Installation.at(open_module_folder / "data", models_dir)


@pytest.mark.slow
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


@pytest.mark.slow
def test_nothing_but_broken_files(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "words.mp3").write_text("words " * 100)
    output = installation.run("ingest", tmp_path)
    assert "1 file failed" in output
    assert "no track of the library is embedded" in " ".join(output.split())
    advice = installation.run("doctor", expect=1)
    assert "none is published" in advice
    assert "soundalike ingest FOLDER" in advice


def test_asking_before_anything_is_published(installation: Installation) -> None:
    output = " ".join(installation.run("similar", "anything", expect=1).split())
    assert "soundalike ingest FOLDER" in output
    assert "Traceback" not in output


def test_a_database_that_is_not_there_is_named(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_text("words " * 100)
    unreachable = {"DATABASE_URL": "postgresql://me:secret@127.0.0.1:1/db"}
    elsewhere = Installation(installation.data, {**installation.environment, **unreachable})
    output = " ".join(elsewhere.run("ingest", tmp_path, expect=1).split())
    assert "127.0.0.1:1" in output
    assert "does not answer" in output
    assert "Traceback" not in output
    assert "secret" not in output


@pytest.mark.slow
def test_no_code_of_the_current_folder_is_run(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_text("words " * 100)
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "__init__.py").write_text("print('an album with code in it')")
    with installation.start("ingest", ".", cwd=tmp_path) as process:
        output, _ = process.communicate(timeout=60)
    assert "1 file failed" in output
    assert "an album with code in it" not in output


def test_a_wrong_setting_is_named(installation: Installation) -> None:
    wrong = Installation(
        installation.data, {**installation.environment, "SOUNDALIKE_DEVICE": "abacus"}
    )
    output = wrong.run("ingest", expect=2)
    assert "SOUNDALIKE_DEVICE='abacus'" in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_a_model_that_cannot_be_had_is_named(open_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_text("words " * 100)
    other = Installation.at(
        open_folder / "data",
        open_folder / "models",
        SOUNDALIKE_MODEL="mert-v1-95m",
        HF_ENDPOINT="http://127.0.0.1:1",
    )
    output = " ".join(other.run("ingest", tmp_path, expect=1).split())
    assert "127.0.0.1:1" in output
    assert "SOUNDALIKE_MERT_PATH" in output
    assert "Traceback" not in output
