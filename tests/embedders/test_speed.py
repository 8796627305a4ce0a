"""How fast a network is in 16 bits on this CPU: what is timed, kept, and concluded from it."""

from pathlib import Path

import pytest
import torch
from structlog.testing import capture_logs
from torch import Tensor, nn

from soundalike.audio.window_plan import WindowPlan
from soundalike.embedders.inference import speed
from soundalike.embedders.inference.speed import Times, times_of

PLAN = WindowPlan(sample_rate=16_000, samples=160_000, max_windows=5)


class Product(nn.Module):
    """So many products of matrices, and the windows that it was given."""

    def __init__(self, products: int) -> None:
        super().__init__()
        self._products, self._matrix = products, torch.ones(256, 256)
        self.given: list[tuple[int, ...]] = []

    def forward(self, windows: Tensor) -> Tensor:
        self.given.append(tuple(windows.shape))
        for _ in range(self._products):
            self._matrix @ self._matrix
        return windows


def never() -> nn.Module:
    raise AssertionError("nobody needs it")


def test_both_are_timed_on_a_second_of_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "MIN_SECONDS", 0.0)
    exact, half = Product(400), Product(20)
    times = times_of(exact, lambda: half, PLAN, None)
    assert set(exact.given) == set(half.given) == {(1, 16_000)}
    assert times.half is not None
    assert times.float32 > 2 * times.half > 0
    assert times.half_is_faster
    assert times.machine == speed.machine_name()


def test_a_network_that_is_quick_anyway_is_not_made_in_16_bits() -> None:
    times = times_of(Product(0), never, PLAN, None)
    assert times.half is None
    assert not times.half_is_faster


@pytest.mark.parametrize(("half", "faster"), [(0.5, True), (0.83, True), (0.84, False), (2, False)])
def test_16_bits_must_be_worth_it(half: float, faster: bool) -> None:
    assert Times(machine="", float32=1.0, half=half).half_is_faster is faster


def test_one_that_is_far_slower_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "MIN_SECONDS", 0.0)
    half = Product(400)
    assert not times_of(Product(1), lambda: half, PLAN, None).half_is_faster
    assert len(half.given) == 1


def test_times_are_kept_for_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "MIN_SECONDS", 0.0)
    kept = tmp_path / "model" / "times"
    first = times_of(Product(10), lambda: Product(1), PLAN, kept)
    assert times_of(Product(1), never, PLAN, kept) == first
    monkeypatch.setattr(speed, "machine_name", lambda: "another")
    assert times_of(Product(10), lambda: Product(1), PLAN, kept).machine == "another"
    assert len(list(kept.parent.iterdir())) == 2


def test_times_that_are_damaged_are_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "MIN_SECONDS", 0.0)
    kept = tmp_path / "times"
    first = times_of(Product(10), lambda: Product(1), PLAN, kept)
    [path] = tmp_path.iterdir()
    path.write_text('{"machine": ')
    again = times_of(Product(10), lambda: Product(1), PLAN, kept)
    assert again.half is not None
    assert Times.model_validate_json(path.read_bytes()) == again
    assert again.machine == first.machine


def test_where_they_cannot_be_kept_the_model_loads_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("a file where the folder should be")
    with capture_logs() as logs:
        times_of(Product(1), lambda: Product(1), PLAN, tmp_path / "model" / "times")
    assert [line["event"] for line in logs] == ["embedder.times_not_kept"]
