"""What an uninstallation leaves must be said, and nothing of it removed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.source import REPOSITORY


def leftovers(home: Path, **environment: str) -> str:
    program = [sys.executable, str(REPOSITORY / "scripts" / "leftovers.py")]
    told = {"HOME": str(home), **environment}
    return subprocess.run(program, env=told, capture_output=True, text=True, check=True).stdout


def test_every_place_is_named_with_its_size_and_stays(tmp_path: Path) -> None:
    root, weights = tmp_path / "my music's data", tmp_path / "cache" / "soundalike" / "models"
    for folder in (root, weights):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(bytes(2_500_000))
    (root / "loop").symlink_to(root)
    output = leftovers(tmp_path, SOUNDALIKE_DATA=str(root), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert f"2.5 MB  {root}: the data root that SOUNDALIKE_DATA names" in output
    if sys.platform != "darwin":
        assert f"2.5 MB  {weights.parent}: weights of models" in output
    [command] = [line for line in output.splitlines() if "rm -rf" in line]
    assert "'\"'\"'" in command, "the shell takes the name as it is"
    assert (root / "file").stat().st_size == 2_500_000


def test_what_the_places_cannot_know_is_said(tmp_path: Path) -> None:
    output = leftovers(tmp_path)
    assert str(tmp_path) not in output
    assert "SOUNDALIKE_DATA" in output
    assert "pip cache purge" in output


@pytest.mark.skipif(sys.platform == "darwin", reason="one folder holds all there")
def test_every_folder_that_is_written_outside_a_data_root_is_named(tmp_path: Path) -> None:
    """They are named by platformdirs, which the script cannot import."""
    code = (
        "import platformdirs as p\n"
        "for path in (p.user_state_path, p.user_cache_path, p.user_data_path):\n"
        "    folder = path('soundalike')\n"
        "    folder.mkdir(parents=True)\n"
        "    print(folder)"
    )
    told = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    made = subprocess.run(
        [sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True
    )
    output = leftovers(tmp_path)
    assert [line for line in made.stdout.splitlines() if f"{line}:" not in output] == []
