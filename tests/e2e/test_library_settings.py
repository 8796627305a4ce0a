"""Two processes on one library: other settings are refused, and what is not set follows."""

import re
import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import Installation

pytestmark = pytest.mark.slow

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


def test_a_switch_says_its_cost_and_keeps_the_old_index_until_all_is_embedded(
    installation: Installation,
) -> None:
    other = with_settings(installation)
    before = installation.ask(PUBLISHED)
    told = other.run("space", "switch", "--windows", "2", expect=2)
    assert "windows: 3 -> 2" in told
    assert re.search(r"To embed again: 2 tracks in 1 batch, 1\.\d minutes of audio\.", told)
    assert "is not known before it runs" in told
    assert "add --yes" in told, "there is no terminal to ask on"
    assert "windows     3" in other.run("space")

    assert "switched" in other.run("space", "switch", "--windows", "2", "--yes")
    assert installation.ask(PUBLISHED) == before, "the old index is served"
    shown = other.run("space")
    assert "0 tracks, 2 left to embed" in shown
    assert "of musicnn-msd.pooled.3x3s.mean" in shown
    assert "the library has 2" in installation.run("ingest", expect=2), "it still sets 3"

    assert "2 tracks embedded" in other.run("ingest")
    assert installation.ask(PUBLISHED) != before
    assert "2 tracks, 0 left to embed" in other.run("space")


def test_a_switch_back_costs_nothing_and_says_so(installation: Installation) -> None:
    told = installation.run("space", "switch", "--yes")  # to what this terminal sets: 3
    assert "windows: 2 -> 3" in told
    assert "Nothing is to be embedded" in told
    output = installation.run("ingest")
    assert "nothing new; index" in output
    assert "is published" in output
    assert "has these settings already" in installation.run("space", "switch", "--yes")


def test_a_switch_that_the_terminal_s_own_settings_contradict_is_refused(
    installation: Installation,
) -> None:
    output = installation.run("space", "switch", "--windows", "all", "--yes", expect=2)
    assert "the option says all, and SOUNDALIKE_WINDOWS says 3" in " ".join(output.split())
    assert "windows     3" in installation.run("space")


def test_the_rules_are_switched_and_applied_by_the_next_scan(installation: Installation) -> None:
    other = with_settings(installation)
    told = other.run("rules", "switch", "--shortest-seconds", "31", "--extensions", "mp3,.OPUS")
    assert "shortest_seconds: 0.0 -> 31.0" in told
    assert "mp3,opus" in told
    assert "extensions: mp3,opus" in other.run("rules")
    wrong = other.run("rules", "switch", "--longest-seconds", "9", expect=2)
    assert "longest_seconds = 9.0 must be more than shortest_seconds = 31.0" in wrong
    assert "longest_seconds: inf" in other.run("rules")
