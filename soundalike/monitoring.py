"""What a piece of work cost: wall time, CPU, peak memory, GPU. Sampled in the background."""

import sys
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil

INTERVAL_SECONDS = 0.2


@dataclass(frozen=True)
class Usage:
    """Cost of a stage. Percentages are of the whole machine (CPU) or device (GPU).

    `gpu_bytes` is the most this process held on the GPU, None where no GPU was used.
    """

    wall_seconds: float
    cpu_percent: float
    peak_rss_bytes: int
    gpu_bytes: int | None


class Monitor:
    """`with Monitor() as monitor: ...`, then `monitor.usage()`."""

    def __enter__(self) -> Self:
        self._process = psutil.Process()
        self._started = time.monotonic()
        self._cpu = self._cpu_seconds()
        self._peak = self._process.memory_info().rss
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def usage(self) -> Usage:
        """The cost so far."""
        wall = max(time.monotonic() - self._started, 1e-9)
        cores = psutil.cpu_count() or 1
        return Usage(
            wall_seconds=wall,
            cpu_percent=100 * (self._cpu_seconds() - self._cpu) / wall / cores,
            peak_rss_bytes=self._peak,
            gpu_bytes=_gpu_bytes(),
        )

    def _cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def _sample(self) -> None:
        while not self._done.wait(INTERVAL_SECONDS):
            self._peak = max(self._peak, self._process.memory_info().rss)


def _gpu_bytes() -> int | None:
    """Asks torch only where the work itself has already loaded it."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    if torch.backends.mps.is_available():
        return int(torch.mps.driver_allocated_memory())
    return None
