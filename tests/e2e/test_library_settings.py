"""Two processes on one library: other settings are refused, and what is not set follows."""

import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import Installation

PUBLISHED = "select count(*) || ' ' || max(version) from publications"


@pytest.fixture(scope="module")
def installation(open_module_folder: Path, models_dir: Path, demo_music: Path) -> Installation:
    """A library of two songs, made with musicnn-msd and three windows."""
    music = open_module_folder / "music"
    music.mkdir()
    for path in sorted(demo_music.rglob("*.opus"))[:2]:
        shutil.copy(path, music)
    made = Installation.at(open_module_folder / "data", models_dir, SOUNDALIKE_WINDOWS="3")
    assert "2 tracks embedded" in made.run("ingest", music)
    return made


def with_settings(installation: Installation, **settings: str) -> Installation:
    """Another terminal, without the first one's model and windows, and with these settings."""
    left = {
        name: value
        for name, value in installation.environment.items()
        if name not in {"SOUNDALIKE_MODEL", "SOUNDALIKE_WINDOWS"}
    }
    return Installation(installation.data, {**left, "COLUMNS": "400", **settings})


def test_a_terminal_without_settings_works_on_the_library_as_it_is(
    installation: Installation,
) -> None:
    before = installation.ask(PUBLISHED)
    output = with_settings(installation).run("ingest")
    assert "nothing new" in output
    assert "is up to date" in output
    assert installation.ask(PUBLISHED) == before


@pytest.mark.parametrize(
    ("variable", "value", "library"),
    [
        ("SOUNDALIKE_MODEL", "mert-v1-95m", "musicnn-msd"),
        ("SOUNDALIKE_WINDOWS", "balanced", "3"),
        ("SOUNDALIKE_SHORTEST_SECONDS", "31.0", "0.0"),
    ],
)
def test_a_terminal_with_other_settings_is_refused_and_changes_nothing(
    installation: Installation, variable: str, value: str, library: str
) -> None:
    before = installation.ask(PUBLISHED)
    other = with_settings(installation, **{variable: value})
    for command in ("ingest", "up"):
        output = other.run(command, expect=2)
        assert f"this process has {value} ({variable})" in output
        assert f"the library has {library}" in output
        assert "Traceback" not in output
    assert installation.ask(PUBLISHED) == before
