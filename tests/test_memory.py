"""What does not fit into memory is refused with what it needs, before the system kills it."""

import subprocess
import sys
from pathlib import Path

import pytest

from soundalike.containers import control_groups
from soundalike.errors import LowMemory
from soundalike.memory import _of_containers, memory_left, require_memory

LIMITED = """
import resource, sys
from pathlib import Path
from soundalike.embedders import load_embedder
from soundalike.errors import LowMemory
from soundalike.settings import Settings

settings = Settings(model="musicnn-msd", models=Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_AS, (1_000_000_000, 1_000_000_000))
try:
    load_embedder(settings)
except LowMemory as error:
    print(error)
"""


def group(folder: Path, limit: str, used: int, cache: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon {used}\ninactive_file {cache}\n")


def older_group(folder: Path, limit: int, used: int, cache: int) -> None:
    """Write what version 1 of the control groups has of one."""
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text(f"{limit}\n")
    (folder / "memory.usage_in_bytes").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"inactive_file 1\ntotal_inactive_file {cache}\n")


def left_by(own: Path, mounted: Path) -> list[int]:
    return sorted(left.size for left in _of_containers(control_groups("memory", own, mounted)))


def test_a_model_that_does_not_fit_says_what_it_needs(models_dir: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(models_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    needs, advice = done.stdout.strip().split("\n")
    assert needs.startswith("musicnn-msd needs about 0.3 GB of memory, and the limit of address ")
    assert "SOUNDALIKE_MODEL to a smaller model" in advice


def test_what_there_is_is_enough_for_nothing_and_not_for_everything() -> None:
    assert memory_left().size > 0
    require_memory(0, "nothing", "")
    with pytest.raises(LowMemory, match=r"everything needs about 1000000\.0 GB .*\nbuy more"):
        require_memory(10**15, "everything", "buy more")


def test_the_tightest_container_counts_and_cache_is_free(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("4:memory:/older\n0::/outer/inner\n")
    group(tmp_path / "outer", "1000", used=900, cache=50)
    group(tmp_path / "outer" / "inner", "5000", used=100)
    assert left_by(own, tmp_path) == [150, 4900]
    group(tmp_path / "outer", "max", used=900)
    assert left_by(own, tmp_path) == [4900]


def test_a_container_of_an_older_kernel_counts_as_well(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("5:cpu,cpuacct:/docker/a\n4:memory:/docker/a\n0::/docker/a\n")
    older_group(tmp_path / "memory", 1000, used=900, cache=50)  # the container's own is the root
    assert left_by(own, tmp_path) == [150]
    older_group(tmp_path / "memory" / "docker" / "a", 700, used=600, cache=0)
    assert left_by(own, tmp_path) == [100, 150]


@pytest.mark.parametrize("said", ["", "4:memory:/older\n", "0::/gone\n"])
def test_no_container_bounds_nothing(tmp_path: Path, said: str) -> None:
    (tmp_path / "own").write_text(said)
    assert left_by(tmp_path / "own", tmp_path) == []
    assert list(control_groups("memory", tmp_path / "gone", tmp_path)) == []
