"""The machine's own speed, measured: the limits that the other figures are compared with."""

import time
from collections.abc import Callable

import torch

SIZE = 2048  # of the square matrices whose product is the peak
TERA = 1e12


def best_seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """The shortest of some runs, after one to warm up: others use the machine too."""
    work()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has done what it was given."""
    if device.type != "cpu":
        torch.get_device_module(device).synchronize()


def gemm_peak(device: torch.device, precision: torch.dtype, size: int = SIZE) -> float:
    """FLOP/s of a product of square matrices."""
    left, right = (torch.randn(size, size, device=device).to(precision) for _ in "ab")
    repeats = 10 if device.type == "cpu" else max(10, 200 * SIZE**3 // size**3)

    def work() -> None:
        for _ in range(repeats):
            left @ right
        synchronize(device)

    return repeats * 2 * size**3 / best_seconds(work)
