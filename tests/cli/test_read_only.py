"""Commands that only read create nothing, and say which library they looked for."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from soundalike.cli.config import HIDDEN
from soundalike.settings import Settings
from tests.e2e.conftest import COMMAND

READING = (
    "similar x",
    "export x.parquet",
    "verify",
    "failures",
    "failures retry",
    "gc",
    "space",
    "rules",
)
SWITCHING = ("space switch --windows 3 --yes", "rules switch --shortest-seconds 9")


def run(command: str, data: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    places = {"SOUNDALIKE_DATA": str(data), "XDG_CACHE_HOME": str(data.parent / "cache")}
    return subprocess.run(
        [COMMAND, *command.split()],
        env={**os.environ, **places, "COLUMNS": "80", **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        READING[0],
        *(pytest.param(command, marks=pytest.mark.slow) for command in READING[1:] + SWITCHING),
    ],
)
def test_without_a_library_the_place_and_the_known_ones_are_named(
    command: str, tmp_path: Path
) -> None:
    other = tmp_path / "other library"
    other.mkdir()
    state = tmp_path / "state" / "soundalike"
    state.mkdir(parents=True)
    (state / "data-roots.json").write_text(json.dumps([str(other), str(tmp_path / "gone")]))
    ended = run(command, tmp_path / "none", XDG_STATE_HOME=str(state.parent), COLUMNS="400")
    assert ended.returncode == 1
    first, how, _, *known = ended.stderr.splitlines()
    assert first == (
        f"error: nothing is ingested in {tmp_path / 'none'}; SOUNDALIKE_DATA names another place"
    )
    assert "soundalike ingest FOLDER" in how
    assert known == [f"  SOUNDALIKE_DATA={other}"]
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["config", "config --json", "doctor", "models fetch --help"])
def test_what_shows_an_installation_creates_nothing(command: str, tmp_path: Path) -> None:
    ended = run(command, tmp_path / "none")
    assert ended.returncode == (1 if command == "doctor" else 0), ended.stderr
    assert not (tmp_path / "none").exists()
    assert not (tmp_path / "cache").exists()


def test_a_database_without_tables_is_not_spoken_of_in_sql(
    tmp_path: Path, server_url: str, database_url: str
) -> None:
    """A database that DATABASE_URL names, and that nobody has ingested into."""
    empty = server_url  # of the tests' own server: it has no tables
    for command in ("similar x", "gc"):
        ended = run(command, tmp_path / "none", DATABASE_URL=empty)
        assert ended.returncode == 1
        assert "nothing is ingested in the database that DATABASE_URL names" in " ".join(
            ended.stderr.split()
        )
        assert "relation" not in ended.stderr + ended.stdout


@pytest.mark.slow
def test_every_setting_is_a_line_with_its_origin(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "soundalike.toml"
    file.write_text('port = 8080\napi_key = "secret"\n')
    file.chmod(0o600)
    url = {"DATABASE_URL": "postgresql://me:secret@127.0.0.1:1/db", "SOUNDALIKE_WORKERS": "3"}
    ended = run("config", tmp_path / "data", **url)
    assert ended.returncode == 0, ended.stderr
    assert "secret" not in ended.stdout
    lines = ended.stdout.splitlines()
    assert max(map(len, lines[: len(Settings.model_fields) + 1])) <= 80
    words = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert words["port"] == ["8080", "file"]
    assert words["workers"] == ["3", "SOUNDALIKE_WORKERS"]
    assert words["api_key"] == [HIDDEN, "file"]
    assert words["database_url"] == [HIDDEN, "DATABASE_URL"]
    assert words["model"] == ["mert-v1-95m", "default"]
    assert words["longest_seconds"] == ["inf", "default"]
    assert words["file:"] == [str(file)]
    assert "does not answer" in " ".join(ended.stdout.split()), (
        "the library's own settings are not known"
    )


@pytest.mark.slow
def test_every_setting_is_a_line_of_json(tmp_path: Path) -> None:
    ended = run("config --json", tmp_path / "none", SOUNDALIKE_WINDOWS="3", SOUNDALIKE_API_KEY="k")
    settings = {one["setting"]: one for one in map(json.loads, ended.stdout.splitlines())}
    assert settings["windows"] == {
        "setting": "windows",
        "variable": "SOUNDALIKE_WINDOWS",
        "value": 3,
        "from": "environment",
        "place": "SOUNDALIKE_WINDOWS",
    }
    assert settings["api_key"]["value"] == HIDDEN
    assert "flac" in settings["extensions"]["value"]


@pytest.mark.slow
def test_the_doctor_finds_all_that_up_refuses(tmp_path: Path) -> None:
    wrong = {
        "SOUNDALIKE_HOST": "0.0.0.0",
        "SOUNDALIKE_DAGSTER_PORT": "8000",
        "DAGSTER_HOME": "/nowhere",
    }
    found = run("doctor", tmp_path / "none", COLUMNS="400", **wrong)
    assert found.returncode == 1
    for named in ("SOUNDALIKE_API_KEY is not set", "are the same port", "there is no dagster.yaml"):
        assert named in found.stdout
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("SOUNDALIKE_HOST", "0.0.0.0", "SOUNDALIKE_API_KEY is not set"),
        ("SOUNDALIKE_DAGSTER_PORT", "8000", "are the same port"),
        ("SOUNDALIKE_MODLE", "x", "did you mean SOUNDALIKE_MODEL?"),
    ],
)
def test_what_up_refuses_stops_it_before_anything_is_created(
    tmp_path: Path, variable: str, value: str, named: str
) -> None:
    refused = run("up", tmp_path / "none", COLUMNS="400", **{variable: value})
    assert refused.returncode == 2
    assert named in refused.stderr
    assert not (tmp_path / "none").exists()


def test_a_wrong_setting_is_a_finding_beside_the_others(tmp_path: Path) -> None:
    found = run("doctor", tmp_path / "none", COLUMNS="400", SOUNDALIKE_MODLE="x")
    assert found.returncode == 1
    assert "did you mean SOUNDALIKE_MODEL?" in found.stdout
    assert "dagster 1." in found.stdout
