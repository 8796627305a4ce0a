"""The benchmark of GPUs must run to its end on the first machine that has one."""

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

import pytest
import torch
from torch import Tensor

from tests.source import REPOSITORY

BENCHMARKS = REPOSITORY / "benchmarks"


@pytest.fixture
def gpu_speed(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return import_module("gpu_speed")


def bench_gpu(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "bench_gpu.py"), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=REPOSITORY)


@pytest.mark.slow
@pytest.mark.usefixtures("models_dir")
def test_tiny_on_a_cpu_it_runs_to_its_end() -> None:
    ended = bench_gpu("--device", "cpu", "--tiny", "--seconds", "5")
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(ended.stdout.splitlines()[-1])
    assert figures["tiny"] is True
    assert figures["mert_95m_runs_in"].startswith("cpu")
    precisions = {
        "mert_95m": ("float32", "tf32", "bfloat16", "float16"),
        "musicnn": ("float32", "tf32"),
    }
    names = [f"{model}_{each}" for model, known in precisions.items() for each in known]
    speeds = [figures[f"{name}_x_real_time"] for name in names]
    speeds += [figures["mert_95m_x_real_time_gpu"], figures["mert_95m_ratio_vs_baseline"]]
    assert all(math.isfinite(speed) and speed > 0 for speed in speeds)
    cosines = {name: figures[f"{name}_worst_cosine"] for name in names}
    assert min(cosines.values()) > 0.999
    assert cosines["mert_95m_float32"] == pytest.approx(1, abs=1e-6)
    assert cosines["mert_95m_bfloat16"] != cosines["mert_95m_float32"], "it ran in 16 bits"


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_cuda_it_says_so_and_measures_nothing() -> None:
    ended = bench_gpu()
    assert ended.returncode == 2
    assert "finds no CUDA device here" in ended.stderr
    assert "--device cpu --tiny" in ended.stderr
    assert ended.stdout == ""


def counted(extract: Callable[[Tensor], Tensor]) -> tuple[list[int], Callable[[Tensor], Tensor]]:
    sizes: list[int] = []

    def counting(windows: Tensor) -> Tensor:
        sizes.append(len(windows))
        return extract(windows)

    return sizes, counting


def test_without_time_only_the_first_batch_is_measured(gpu_speed: ModuleType) -> None:
    sizes, extract = counted(torch.square)
    rows = gpu_speed.at_batches(extract, torch.ones(4, 3), (1, 2, 4), deadline=time.monotonic())
    assert [row.batch for row in rows] == [1]
    assert set(sizes) == {1}


def test_with_time_all_batches_are_measured(gpu_speed: ModuleType) -> None:
    later = time.monotonic() + 600
    rows = gpu_speed.at_batches(torch.square, torch.ones(4, 3), (1, 2, 4), deadline=later)
    assert [row.batch for row in rows] == [1, 2, 4]
    assert all(row.seconds > 0 and row.peak_bytes is None for row in rows)


def test_out_of_memory_keeps_what_was_measured(gpu_speed: ModuleType) -> None:
    def full(windows: Tensor) -> Tensor:
        if len(windows) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return windows

    later = time.monotonic() + 600
    rows = gpu_speed.at_batches(full, torch.ones(8, 3), (1, 2, 4, 8), deadline=later)
    assert [row.batch for row in rows] == [1, 2]


def test_another_failure_is_not_taken_for_memory(gpu_speed: ModuleType) -> None:
    def broken(windows: Tensor) -> Tensor:
        if len(windows) > 1:
            raise RuntimeError("shapes do not match")
        return windows

    with pytest.raises(RuntimeError, match="shapes do not match"):
        gpu_speed.at_batches(broken, torch.ones(2, 3), (1, 2), deadline=time.monotonic() + 600)


def test_tf32_is_as_before_afterwards(gpu_speed: ModuleType) -> None:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    with gpu_speed.multiplying(gpu_speed.TF32):
        assert torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.cudnn.allow_tf32
        with gpu_speed.multiplying(gpu_speed.FLOAT32):
            assert not torch.backends.cuda.matmul.allow_tf32
            assert not torch.backends.cudnn.allow_tf32
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before


def test_the_worst_window_decides(gpu_speed: ModuleType) -> None:
    exact = [torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 1.0]])]
    other = [torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[1.0, 1.0]])]
    assert gpu_speed.worst_cosine(other, exact) == pytest.approx(0.5**0.5)


def test_an_overflow_is_not_hidden(gpu_speed: ModuleType) -> None:
    exact = [torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]])]
    other = [torch.tensor([[1.0, 0.0]]), torch.tensor([[math.nan, 1.0]])]
    assert math.isnan(gpu_speed.worst_cosine(other, exact))
