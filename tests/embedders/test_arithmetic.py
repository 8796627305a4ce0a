"""What may change a vector's last bits must show in the arithmetic's name."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from soundalike.embedders.inference import arithmetic
from soundalike.embedders.inference.arithmetic import arithmetic_of


def named(device: str) -> str:
    return arithmetic_of(SimpleNamespace(device=device))  # type: ignore[arg-type]


def test_device_precision_instructions_and_library_are_named() -> None:
    name = named("cpu float32")
    assert name.startswith("cpu float32, ")
    assert torch.backends.cpu.get_cpu_capability() in name
    assert name.endswith(f"torch {torch.__version__.partition('+')[0]}")
    assert named("cpu bfloat16") != name


def test_a_gpu_that_was_fallen_back_from_is_not_the_unit() -> None:
    assert named("cpu float32 (cuda failed: no kernel image)") == named("cpu float32")


def test_a_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    assert named("cuda bfloat16").startswith("cuda bfloat16, NVIDIA H200, torch ")


@pytest.mark.parametrize(
    ("facts", "maker"),
    [("vendor_id\t: GenuineIntel\n", "GenuineIntel"), ("CPU implementer\t: 0x41\n", "0x41")],
)
def test_the_maker_of_a_cpu_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: str, maker: str
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{facts}")
    monkeypatch.setattr(arithmetic, "CPU_FACTS", tmp_path / "cpuinfo")
    assert f", {maker} " in named("cpu float32")
