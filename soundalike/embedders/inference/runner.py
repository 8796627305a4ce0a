"""Runs a network over batches of windows: on which device, how precisely, how many at once.

A GPU runs a batch at once. A CPU runs a window a core (two cores, above 16 of them): cores that
share one window wait for each other, which takes 1.06 times as long in float32 and 1.25 times in
bfloat16 on two. Each window is computed by itself then, so its features are the same to the bit in
any batch.

Precision is a measured choice. Half the bits are several times as fast on GPUs, and on CPUs with
matrix units; but a network may be one that they do not suffice for. So each time one is loaded,
it first runs on probe windows in float32 and in half, and half is used only if they agree.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import structlog
import torch
from torch import Tensor, nn
from torch.nn import functional

from soundalike.audio.window_plan import WindowPlan
from soundalike.embedders.base import FloatArray
from soundalike.embedders.inference.devices import (
    half_precisions,
    is_lost,
    is_out_of_memory,
    windows_that_fit,
)
from soundalike.embedders.inference.probe import probe_windows

log = structlog.get_logger()

Build = Callable[[torch.dtype], nn.Module]

AGREEMENT = 0.9999  # least cosine between the precisions, on every probe window
MAX_WINDOWS = 64  # at once; a GPU is busy with fewer
MAX_STREAMS = 16  # windows at a time on a CPU; each takes about 55 MB of memory


class Runner:
    """A network, [n, samples] -> [n, features], as a function of arrays.

    `build` makes it on the CPU, in a precision. `may_fall_back`: if the GPU fails for good, go on
    with the CPU; otherwise its error is raised.
    """

    def __init__(
        self,
        build: Build,
        plan: WindowPlan,
        device: torch.device,
        *,
        half: bool,
        may_fall_back: bool,
    ) -> None:
        self._build = build
        self._plan = plan
        self._half = half
        self._may_fall_back = may_fall_back
        self._fell_back = ""
        try:
            self._move_to(device)
        except RuntimeError as error:  # a GPU that is full of something else, or too old
            self._fall_back(error)

    @property
    def device(self) -> str:
        """Device and precision, and whether that is a retreat."""
        return f"{self._device.type} {str(self._precision).removeprefix('torch.')}{self._fell_back}"

    def __call__(self, windows: FloatArray) -> FloatArray:
        """float32 [n, samples] -> float32 [n, features].

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
        alone = [window[None] for window in windows]
        return np.concatenate(list(self._streams.map(self._at_once, alone)))

    def _adapt(self, error: RuntimeError, size: int) -> None:
        """Make the next attempt one that may work, or raise the error."""
        if is_out_of_memory(error) and size > 1:
            self.batch = size // 2
            log.warning("embedder.batch_halved", device=self.device, windows=self.batch)
        else:
            self._fall_back(error)

    def _fall_back(self, error: RuntimeError) -> None:
        """To the CPU, if that may be and the GPU is what failed; else raise the error."""
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
        if device.type == "cuda":  # float32 is to mean float32 there too
            torch.backends.cudnn.allow_tf32 = False
        self._device = device
        self._precision = torch.float32
        self._network = self._build(torch.float32).eval().to(device)
        if self._half:
            self._use_half_if_it_agrees()
        if device.type == "cpu":
            cores = torch.get_num_threads()
            share = -(-cores // MAX_STREAMS)  # cores a window: 1 on all but large machines
            streams = cores // share
            alone = partial(torch.set_num_threads, share)
            self._streams = ThreadPoolExecutor(streams, "model", initializer=alone)
            self._extract = self._one_by_one
            self.batch = 2 * streams  # so that one that ends early has another to go on with
        else:
            self._extract = self._at_once
            self.batch = min(MAX_WINDOWS, windows_that_fit(device, self._network, self._plan))

    def _use_half_if_it_agrees(self) -> None:
        precisions = half_precisions(self._device)
        if not precisions:
            return
        probes = torch.from_numpy(probe_windows(self._plan)).to(self._device)
        exact = self._network(probes)
        for precision in precisions:
            network = self._build(precision).eval().to(self._device)
            cosine = float(functional.cosine_similarity(network(probes).float(), exact).min())
            agrees = cosine >= AGREEMENT  # not if it is NaN
            log.info("embedder.precision", precision=str(precision), cosine=cosine, used=agrees)
            if agrees:
                self._network, self._precision = network, precision
                return
