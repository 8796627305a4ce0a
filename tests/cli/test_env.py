"""`eval "$(soundalike env)"` must give a shell what it needs, whatever the paths are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source import REPOSITORY

SHELL = """
eval "$({python} -m soundalike env)"
printf "%s\\n" "$SOUNDALIKE_DATA" "$DAGSTER_HOME"
which soundalike
env
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "two words", 'it\'s $HOME `x` "y"; echo z'])
def test_what_is_printed_is_quoted(tmp_path: Path, name: str) -> None:
    data = tmp_path / name
    ended = subprocess.run(
        ["sh", "-c", SHELL.format(python=sys.executable)],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY), "SOUNDALIKE_DATA": str(data)},
        capture_output=True,
        text=True,
        check=True,
    )
    shown, home, command, *environment = ended.stdout.splitlines()
    assert shown == str(data)
    assert home == str(REPOSITORY)
    assert Path(command) == Path(sys.executable).with_name("soundalike")
    # Nothing leads to the socket of a server that may have stopped.
    assert not [line for line in environment if line.startswith(("DATABASE", "SOUNDALIKE_DAGSTER"))]
    assert not data.exists(), "it only reads"


def test_a_dagster_home_without_its_file_is_named(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "soundalike", "env"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "dagster.yaml" in ended.stderr
    assert ended.stdout == ""
