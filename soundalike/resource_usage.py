"""Resource usage of a piece of work: wall time, CPU, peak memory, GPU.

Sampled in the background. Child processes, such as those that decode, are included.
"""

import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil

from soundalike.cores import available_cores

INTERVAL_SECONDS = 0.2


@dataclass(frozen=True)
class Usage:
    """The resource usage of a stage. `cpu_percent` is of all cores that may be used.

    `gpu_bytes`: with CUDA the peak of this process, with MPS what it holds now, else None.
    """

    wall_seconds: float
    cpu_percent: float
    peak_rss_bytes: int
    gpu_bytes: int | None


class Monitor:
    """A context manager that measures its block: `with Monitor() as monitor: ...`."""

    def __enter__(self) -> Self:
        self._process = psutil.Process()
        self._started = time.monotonic()
        family = self._family()
        self._cpu = _cpu_seconds(family)
        self._peak = _resident_bytes(family)
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
        """Return the usage since the block began."""
        wall = max(time.monotonic() - self._started, 1e-9)
        cores = available_cores()
        return Usage(
            wall_seconds=wall,
            # The CPU time of a child is lost when it ends, so the sum may even shrink.
            cpu_percent=100 * max(0.0, _cpu_seconds(self._family()) - self._cpu) / wall / cores,
            peak_rss_bytes=self._peak,
            gpu_bytes=_gpu_bytes(),
        )

    def _family(self) -> list[psutil.Process]:
        with suppress(psutil.Error):
            return [self._process, *self._process.children(recursive=True)]
        return [self._process]

    def _sample(self) -> None:
        while not self._done.wait(INTERVAL_SECONDS):
            self._peak = max(self._peak, _resident_bytes(self._family()))


def _cpu_seconds(family: list[psutil.Process]) -> float:
    """The CPU time of these processes; one that has ended meanwhile is left out."""
    seconds = 0.0
    for process in family:
        with suppress(psutil.Error):
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


def _resident_bytes(family: list[psutil.Process]) -> int:
    """The resident memory in bytes; what processes share is counted for each of them."""
    resident = 0
    for process in family:
        with suppress(psutil.Error):
            resident += process.memory_info().rss
    return resident


def _gpu_bytes() -> int | None:
    """The GPU memory in bytes; torch is queried only if the work itself has loaded it."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    if torch.backends.mps.is_available():
        return int(torch.mps.driver_allocated_memory())
    return None
