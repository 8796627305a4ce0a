"""A network on windows in a device's memory: its speed at each batch size, and its agreement."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from machine import best_seconds, synchronize
from torch import Tensor
from torch.nn import functional

from soundalike.embedders.inference.devices import is_out_of_memory

Extract = Callable[[Tensor], Tensor]

ROUNDS = 5


@dataclass(frozen=True)
class Precision:
    """How a GPU multiplies: in `dtype`, and float32 by TF32's 10 bits or not."""

    name: str
    dtype: torch.dtype
    tf32: bool = False


FLOAT32 = Precision("float32", torch.float32)
TF32 = Precision("tf32", torch.float32, tf32=True)
PRECISIONS = (
    FLOAT32,
    TF32,
    Precision("bfloat16", torch.bfloat16),
    Precision("float16", torch.float16),
)


@dataclass(frozen=True)
class AtBatch:
    """What a batch took. `peak_bytes`: of the GPU's memory, weights included; None on a CPU."""

    batch: int
    seconds: float
    peak_bytes: int | None

    @property
    def windows_per_second(self) -> float:
        return self.batch / self.seconds


@contextmanager
def multiplying(precision: Precision) -> Iterator[None]:
    """Let matrix products and convolutions use TF32, or not; afterwards as before."""
    switches = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [switch.allow_tf32 for switch in switches]
    try:
        for switch in switches:
            switch.allow_tf32 = precision.tf32
        yield
    finally:
        for switch, allowed in zip(switches, before, strict=True):
            switch.allow_tf32 = allowed


@torch.inference_mode()
def at_batches(
    extract: Extract, windows: Tensor, batches: Iterable[int], deadline: float
) -> list[AtBatch]:
    """Measure batches of growing size, at least the first; more while `deadline` lets them.

    `windows`: [n, samples], on the device. `deadline`: by time.monotonic(). A batch that would
    probably end after it is left out with those after it, and so is one that memory cannot hold.
    """
    measured: list[AtBatch] = []
    for batch in batches:
        if measured and time.monotonic() + _predicted(measured[-1], batch) > deadline:
            print(f"  batch {batch} and larger are left out: no time is left (--seconds)")
            break
        try:
            measured.append(_at_batch(extract, windows[:batch]))
        except RuntimeError as error:
            if not (measured and is_out_of_memory(error)):
                raise
            print(f"  batch {batch} and larger are left out: out of memory")
            break
    return measured


def _predicted(last: AtBatch, batch: int) -> float:
    return last.seconds * batch / last.batch * (ROUNDS + 1)


def _at_batch(extract: Extract, windows: Tensor) -> AtBatch:
    device = windows.device
    on_cuda = device.type == "cuda"
    if on_cuda:
        torch.cuda.reset_peak_memory_stats(device)

    def work() -> None:
        extract(windows)
        synchronize(device)

    seconds = best_seconds(work, ROUNDS)
    peak = torch.cuda.max_memory_allocated(device) if on_cuda else None
    return AtBatch(len(windows), seconds, peak)


@torch.inference_mode()
def features(extract: Extract, inputs: Iterable[Tensor]) -> list[Tensor]:
    """What a network makes of each batch, in float64."""
    return [extract(windows).double() for windows in inputs]


def worst_cosine(some: list[Tensor], others: list[Tensor]) -> float:
    """The smallest cosine between the features of two networks, over all windows; NaN if one is."""
    return float(torch.cat(list(map(functional.cosine_similarity, some, others))).min())
