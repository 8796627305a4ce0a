"""The speed of a network on a CPU in 16 bits, beside float32: measured, and kept for the machine.

Which CPUs multiply 16-bit numbers faster, no list of their features tells: Intel's AMX, Arm's and
AMD's instructions all do, some emulate them ten times as slowly. So both are timed on a second of
audio. The times are kept, so that all processes of a machine choose alike.
"""

import hashlib
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog
import torch
from pydantic import BaseModel, ValidationError
from torch import nn

from soundalike.audio.window_plan import WindowPlan
from soundalike.storage.atomic import atomic_file

log = structlog.get_logger()

TIMED_SECONDS = 1.0  # of audio, or a whole window if that is shorter
ROUNDS = 3  # of which the shortest counts
MIN_GAIN = 1.2  # times as fast that 16 bits must be
MIN_SECONDS = 0.02  # CPU seconds in float32; a quicker network has nothing to gain


class Times(BaseModel):
    """The CPU seconds that a network takes in each precision, and where."""

    machine: str
    float32: float
    half: float | None  # not timed, as float32 is quick enough

    @property
    def half_is_faster(self) -> bool:
        """True if 16 bits are worth it."""
        return self.half is not None and self.float32 >= MIN_GAIN * self.half


def times_of(
    exact: nn.Module, half: Callable[[], nn.Module], plan: WindowPlan, kept: Path | None
) -> Times:
    """Return how long both networks take on this machine, in one thread.

    `half` makes the one of 16 bits, if it has to be timed. `kept` is a path without suffix for the
    times of each machine; None to keep none.
    """
    machine = machine_name()
    digest = hashlib.sha256(machine.encode()).hexdigest()[:12]
    path = kept.with_name(f"{kept.name}-{digest}.json") if kept else None
    if path and (known := _read(path)):
        return known
    windows = torch.zeros(1, min(plan.samples, int(TIMED_SECONDS * plan.sample_rate)))
    windows.normal_(std=0.1, generator=torch.Generator().manual_seed(0))
    with ThreadPoolExecutor(1, initializer=lambda: torch.set_num_threads(1)) as thread:
        float32 = thread.submit(_seconds, exact, windows).result()
        timed = float32 >= MIN_SECONDS
        seconds = thread.submit(_seconds, half(), windows, float32).result() if timed else None
    times = Times(machine=machine, float32=float32, half=seconds)
    if path:
        _write(path, times)
    return times


def machine_name() -> str:
    """Return what the times depend on besides the network: the CPU, and torch."""
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{_cpu_name()}, {capability}, torch {torch.__version__}"


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


@torch.inference_mode()
def _seconds(network: nn.Module, windows: torch.Tensor, enough: float | None = None) -> float:
    """Return the CPU seconds of the quickest round; one that takes `enough` needs no other."""
    best = float("inf")
    for _ in range(ROUNDS):
        # Of this thread, which does all the work: other programs take none of it.
        started = time.thread_time()
        network(windows)
        best = min(best, time.thread_time() - started)
        if enough is not None and best > 2 * enough:
            break
    return best


def _read(path: Path) -> Times | None:
    try:
        return Times.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _write(path: Path, times: Times) -> None:
    try:
        with atomic_file(path) as temporary:
            temporary.write_text(times.model_dump_json())
    except OSError as error:  # the next process measures again
        log.warning("embedder.times_not_kept", path=str(path), reason=str(error))
