"""The networks that are measured on a GPU: MERT with random weights, and musicnn."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from gpu_speed import Extract
from mert_95m import flops
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from soundalike.audio.window_plan import WindowPlan
from soundalike.embedders.mert.checkpoint import MertCheckpoint
from soundalike.embedders.mert.model.network import MertNetwork
from soundalike.embedders.mert.model.tensors import read_tensors
from soundalike.embedders.mert.spec import mert_windows
from soundalike.embedders.musicnn.model.frontend import LogMel
from soundalike.embedders.musicnn.model.network import Musicnn
from soundalike.embedders.musicnn.spec import musicnn_windows


@dataclass(frozen=True)
class Network:
    """A network to measure. `build`: makes it on the device; `flops`: of one window."""

    name: str
    plan: WindowPlan
    build: Callable[[torch.dtype], Extract]
    flops: float

    @property
    def window_seconds(self) -> float:
        return self.plan.samples / self.plan.sample_rate


def mert(checkpoint: MertCheckpoint, device: torch.device) -> Network:
    """MERT up to the layer that is the embedding."""
    plan, config, layer = mert_windows("balanced"), checkpoint.config, checkpoint.layer

    def build(dtype: torch.dtype) -> Extract:
        tensors = read_tensors(checkpoint)
        network = MertNetwork(config, tensors, layer, checkpoint.normalise, dtype)
        return network.eval().to(device)

    return Network("mert_95m", plan, build, flops(config, plan.samples, layer))


def musicnn(weights: Path, device: torch.device) -> Network:
    """musicnn with its mel spectrogram, always in float32; its operations are counted by torch."""
    plan = musicnn_windows("balanced")

    def build(_dtype: torch.dtype) -> Extract:
        frontend = LogMel().eval().to(device)
        network = Musicnn(load_file(weights)).eval().to(device)

        def extract(windows: Tensor) -> Tensor:
            pooled: Tensor = network(frontend(windows))[0]
            return pooled

        return extract

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        build(torch.float32)(torch.zeros(1, plan.samples, device=device))
    return Network("musicnn", plan, build, counter.get_total_flops())
