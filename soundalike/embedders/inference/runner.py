"""The runner of a network over batches of windows: device, precision, batch size.

A GPU runs a batch at once. A CPU runs one window per core (on more than 16 cores, one per group of
cores, at most 16 at a time): cores that share one window wait for each other, which takes 1.06
times as long in float32 and 1.25 times in bfloat16 on two. As a CPU computes each window by itself,
its features are the same to the bit in any batch.

Precision is a measured choice. 16 bits are several times as fast on GPUs, and on some CPUs
(speed.py), but not precise enough for every network. So each time a network is loaded, it first
runs on probe windows in float32 and in 16 bits, and 16 bits are used only if the results agree.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np
import structlog
import torch
from torch import Tensor, nn
from torch.nn import functional

from soundalike.audio.window_plan import WindowPlan
from soundalike.cores import available_cores
from soundalike.embedders.base import FloatArray
from soundalike.embedders.inference.devices import (
    half_precisions,
    is_lost,
    is_out_of_memory,
    windows_that_fit,
)
from soundalike.embedders.inference.probe import probe_windows
from soundalike.embedders.inference.speed import times_of

log = structlog.get_logger()

Build = Callable[[torch.dtype], nn.Module]

AGREEMENT = 0.9999  # minimum cosine between the precisions, on every probe window
MAX_WINDOWS = 64  # at once on a GPU; fewer already keep one busy
MAX_STREAMS = 16  # windows at a time on a CPU; each takes about 55 MB of memory
# In a batch on a CPU, at whose end streams wait for each other: musicnn's windows take 5 ms.
WINDOWS_A_STREAM = 6


class Runner:
    """A network, [n, samples] -> [n, features], as a function of arrays.

    `build` makes the network on the CPU, in a precision. `half`: use 16 bits where they are faster
    and agree with float32. `times`: where to keep how fast they are on a CPU (speed.py).
    `may_fall_back`: if the GPU fails for good, continue on the CPU; otherwise its error is raised.
    """

    def __init__(
        self,
        build: Build,
        plan: WindowPlan,
        device: torch.device,
        *,
        half: bool,
        may_fall_back: bool,
        times: Path | None = None,
    ) -> None:
        self._build = build
        self._plan = plan
        self._half = half
        self._times = times
        self._may_fall_back = may_fall_back
        self._fell_back = ""
        try:
            self._move_to(device)
        except RuntimeError as error:  # a GPU whose memory is taken, or that is too old
            self._fall_back(error)

    @property
    def device(self) -> str:
        """The device and precision, and the failure after which it fell back, if it did."""
        return f"{self._device.type} {str(self._precision).removeprefix('torch.')}{self._fell_back}"

    def __call__(self, windows: FloatArray) -> FloatArray:
        """Run the network: float32 [n, samples] -> float32 [n, features].

        A batch that does not fit into the GPU's memory is halved, and so are those after it.
        """
        parts: list[FloatArray] = []
        done = 0
        while done < len(windows):
            part = windows[done : done + self.batch]
            try:
                parts.append(self._extract(torch.from_numpy(part)))
            except RuntimeError as error:
                self._adapt(error, len(part))
                continue
            done += len(part)
        return np.concatenate(parts)

    @torch.inference_mode()
    def _at_once(self, windows: Tensor) -> FloatArray:
        if self._device.type == "cuda":  # from pinned memory the copy is asynchronous
            windows = windows.pin_memory()
        features: Tensor = self._network(windows.to(self._device, non_blocking=True))
        return features.float().cpu().numpy()

    def _one_by_one(self, windows: Tensor) -> FloatArray:
        batches_of_one = [window[None] for window in windows]
        return np.concatenate(list(self._streams.map(self._at_once, batches_of_one)))

    def _adapt(self, error: RuntimeError, size: int) -> None:
        """Halve the batch or fall back to the CPU, for a retry; else raise the error."""
        if is_out_of_memory(error) and size > 1:
            self.batch = size // 2
            log.warning("embedder.batch_halved", device=self.device, windows=self.batch)
        else:
            self._fall_back(error)

    def _fall_back(self, error: RuntimeError) -> None:
        """Move to the CPU if that is allowed and the GPU is what failed; else raise the error."""
        gpu = self._device.type
        if gpu == "cpu" or not self._may_fall_back:
            raise error
        if not (is_out_of_memory(error) or is_lost(error)):
            raise error
        cause = " ".join(str(error).split())[:200]
        log.error("embedder.gpu_failed", device=self.device, cause=cause)
        self._move_to(torch.device("cpu"))
        self._fell_back = f", after {gpu} failed: {cause}"

    @torch.inference_mode()
    def _move_to(self, device: torch.device) -> None:
        if device.type == "cuda":  # true float32 on GPUs too
            torch.backends.cudnn.allow_tf32 = False
        self._device = device
        self._precision = torch.float32
        self._network = self._build(torch.float32).eval().to(device)
        if self._half:
            self._use_half_if_it_agrees()
        if device.type == "cpu":
            cores = min(torch.get_num_threads(), available_cores())
            share = -(-cores // MAX_STREAMS)  # cores a window: 1 on all but large machines
            streams = cores // share
            limit_threads = partial(torch.set_num_threads, share)
            self._streams = ThreadPoolExecutor(streams, "model", initializer=limit_threads)
            self._extract = self._one_by_one
            self.batch = WINDOWS_A_STREAM * streams
        else:
            self._extract = self._at_once
            self.batch = min(MAX_WINDOWS, windows_that_fit(device, self._network, self._plan))

    def _use_half_if_it_agrees(self) -> None:
        probes = torch.from_numpy(probe_windows(self._plan)).to(self._device)
        for precision in half_precisions(self._device):
            half = cache(lambda precision=precision: self._build(precision).eval())
            if self._device.type == "cpu" and not self._is_faster(half):
                continue
            network = half().to(self._device)
            exact = self._network(probes)
            cosine = float(functional.cosine_similarity(network(probes).float(), exact).min())
            agrees = cosine >= AGREEMENT  # False for NaN
            log.info("embedder.precision", precision=str(precision), cosine=cosine, used=agrees)
            if agrees:
                self._network, self._precision = network, precision
                return

    def _is_faster(self, half: Callable[[], nn.Module]) -> bool:
        """Return whether the network in 16 bits is faster than the one in float32, on a CPU."""
        times = times_of(self._network, half, self._plan, self._times)
        log.info("embedder.speed", **times.model_dump(), half_is_faster=times.half_is_faster)
        return times.half_is_faster
