"""The runner: batches that do not fit, GPUs that die, precisions that do not suffice."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from soundalike.audio.window_plan import WindowPlan
from soundalike.embedders.inference import runner
from soundalike.embedders.inference.probe import probe_windows
from soundalike.embedders.inference.runner import Runner
from soundalike.embedders.inference.speed import Times

PLAN = WindowPlan(sample_rate=16_000, samples=16_000, max_windows=5)
WINDOWS = probe_windows(PLAN).repeat(5, axis=0)  # 20
CPU = torch.device("cpu")
META = torch.device("meta")  # stands for a GPU: no answer can be had from it


class Power(nn.Module):
    """Mean power of each tenth of a window."""

    def forward(self, windows: Tensor) -> Tensor:
        return windows.unflatten(1, (10, -1)).square().mean(dim=2)


class Small(Power):
    """Fits three windows."""

    def forward(self, windows: Tensor) -> Tensor:
        if len(windows) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return super().forward(windows)


def running(
    build: Callable[[torch.dtype], nn.Module], device: torch.device = CPU, **more: Any
) -> Runner:
    return Runner(build, PLAN, device, **{"half": False, "may_fall_back": False, **more})


EXPECTED = running(lambda _: Power())(WINDOWS)


def faster(*_: object) -> Times:
    """16 bits are twice as fast."""
    return Times(machine="", float32=1.0, half=0.5)


def test_a_batch_that_does_not_fit_is_halved_until_it_does_and_stays_so() -> None:
    run = running(lambda _: Small())
    run._extract, run.batch = run._at_once, 16  # as on a GPU
    np.testing.assert_array_equal(run(WINDOWS), EXPECTED)
    assert run.batch == 2


def test_a_window_that_does_not_fit_by_itself_is_raised() -> None:
    class Full(Power):
        def forward(self, windows: Tensor) -> Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        running(lambda _: Full())(WINDOWS)


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "is_lost", lambda error: "meta tensor" in str(error))


@pytest.mark.usefixtures("dying")
def test_a_gpu_that_dies_is_replaced_by_the_cpu_and_that_is_told() -> None:
    run = running(lambda _: Power(), META, may_fall_back=True)
    assert run.device == "meta float32"
    np.testing.assert_array_equal(run(WINDOWS), EXPECTED)
    assert run.device.startswith("cpu float32, after meta failed: ")
    np.testing.assert_array_equal(run(WINDOWS), EXPECTED)


def full(_: torch.dtype) -> nn.Module:
    class Full(Power):
        def to(self, device: torch.device) -> "Full":  # type: ignore[override]
            if device.type != "cpu":
                raise torch.OutOfMemoryError("CUDA out of memory")
            return self

    return Full()


def test_a_gpu_that_is_full_when_the_model_is_loaded_is_replaced_too() -> None:
    run = running(full, META, may_fall_back=True)
    assert run.device == "cpu float32, after meta failed: CUDA out of memory"
    np.testing.assert_array_equal(run(WINDOWS), EXPECTED)
    with pytest.raises(torch.OutOfMemoryError):
        running(full, META)


@pytest.mark.usefixtures("dying")
def test_a_gpu_that_was_asked_for_by_name_is_not_replaced() -> None:
    with pytest.raises(NotImplementedError, match="meta tensor"):
        running(lambda _: Power(), META)(WINDOWS)


@pytest.mark.parametrize("device", [CPU, META], ids=["cpu", "gpu"])
def test_an_error_that_is_no_device_s_is_raised(device: torch.device) -> None:
    """Another device would hide it."""

    class Wrong(Power):
        def forward(self, windows: Tensor) -> Tensor:
            if windows.device == device:
                raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
            return super().forward(windows)

    with pytest.raises(RuntimeError, match="shapes"):
        running(lambda _: Wrong(), device, may_fall_back=True)(WINDOWS)


class Rounded(Power):
    """Off by a part of itself."""

    def __init__(self, error: float) -> None:
        super().__init__()
        self._error = error

    def forward(self, windows: Tensor) -> Tensor:
        power = super().forward(windows)
        power[:, ::2] *= 1 + self._error
        return power


@pytest.mark.parametrize(
    ("error", "used"), [(1e-3, "bfloat16"), (0.1, "float32"), (float("nan"), "float32")]
)
def test_half_precision_is_used_only_where_it_agrees(
    monkeypatch: pytest.MonkeyPatch, error: float, used: str
) -> None:
    monkeypatch.setattr(runner, "times_of", faster)
    run = running(lambda p: Power() if p == torch.float32 else Rounded(error), half=True)
    assert run.device == f"cpu {used}"


class RoundedOnce(Rounded):
    """Off in the sweep's features only."""

    def forward(self, windows: Tensor) -> Tensor:
        power = super().forward(windows)
        exact = Power.forward(self, windows)
        return torch.cat([exact[:2], power[2:3], exact[3:]])


def test_a_precision_that_fails_one_kind_of_sound_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It agrees on the average of the probes, and not on each of them."""
    rounded, probes = RoundedOnce(0.05), torch.from_numpy(probe_windows(PLAN))
    cosines = torch.cosine_similarity(rounded(probes), Power()(probes))
    assert cosines.min() < runner.AGREEMENT < cosines.mean()
    monkeypatch.setattr(runner, "times_of", faster)
    run = running(lambda p: Power() if p == torch.float32 else rounded, half=True)
    assert run.device == "cpu float32"


def test_half_precision_is_used_only_where_it_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    slower = Times(machine="", float32=1.0, half=0.9)
    monkeypatch.setattr(runner, "times_of", lambda *_: slower)
    assert running(lambda _: Power(), half=True).device == "cpu float32"
    monkeypatch.setattr(runner, "times_of", faster)
    assert running(lambda _: Power(), half=True).device == "cpu bfloat16"


def test_float32_alone_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "times_of", faster)
    assert running(lambda _: Power(), half=False).device == "cpu float32"


def test_the_probes_are_audible_unlike_each_other_and_always_the_same() -> None:
    probes = probe_windows(PLAN)
    assert probes.tobytes() == probe_windows(PLAN).tobytes()
    assert np.abs(probes).max() <= 1
    unit = probes / np.linalg.norm(probes, axis=1, keepdims=True)
    overlap = np.abs(unit @ unit.T)[np.triu_indices(4, 1)]
    assert (np.abs(probes).max(axis=1) > 0.005).all()
    assert overlap[[0, 1, 3]].max() < 0.1, "chord, beat and sweep share nothing"
