"""A container's cores count, and not its host's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from soundalike.cores import _quotas, available_cores
from soundalike.errors import SettingsError


@pytest.mark.parametrize(
    ("said", "cores"),
    [("150000 100000", [2]), ("200000 100000", [2]), ("max 100000", []), ("", [])],
)
def test_a_quota_is_cores_rounded_up(tmp_path: Path, said: str, cores: list[int]) -> None:
    (tmp_path / "cpu.max").write_text(said)
    assert list(_quotas([tmp_path, tmp_path / "gone"])) == [os.cpu_count(), *cores]


@pytest.mark.parametrize(("quota", "cores"), [("150000", [2]), ("100000", [1]), ("-1", [])])
def test_a_quota_of_an_older_kernel_is_read_as_well(
    tmp_path: Path, quota: str, cores: list[int]
) -> None:
    (tmp_path / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu.cfs_period_us").write_text("100000\n")
    assert list(_quotas([tmp_path])) == [os.cpu_count(), *cores]


def test_affinity_counts() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from soundalike.cores import available_cores; print(available_cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "1"
    assert available_cores() >= 1


def test_a_share_of_the_machine_counts_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDALIKE_CORES", "7")
    assert available_cores() == 7


@pytest.mark.parametrize("wrong", ["0", "all", "1.5", "-2"])
def test_a_share_that_is_no_number_of_cores_is_refused(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("SOUNDALIKE_CORES", wrong)
    with pytest.raises(SettingsError, match=f"SOUNDALIKE_CORES={wrong}: must be"):
        available_cores()
