"""musicnn-msd as an embedder: its penultimate layer, and its 50 tags, averaged over windows."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from soundalike.embedders.base import Embedding, FloatArray, Tag, WindowPlan
from soundalike.embedders.musicnn_frontend import LogMel
from soundalike.embedders.musicnn_network import Musicnn
from soundalike.embedders.pooling import unit_mean
from soundalike.embedders.runner import Runner
from soundalike.embedders.spaces import MUSICNN_DIMENSION, musicnn_space

# The Million Song Dataset's 50 commonest tags, in the order of the network's outputs
# (musicnn 0.1.0, configuration.py).
# fmt: off
MSD_TAGS = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s",
    "alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock",
    "soul", "indie rock", "Mellow", "electronica", "80s", "folk", "90s", "chill", "instrumental",
    "punk", "oldies", "blues", "hard rock", "ambient", "acoustic", "experimental",
    "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country", "easy listening", "sexy",
    "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb", "indie pop",
    "sad", "House", "happy",
)
# fmt: on


class MusicnnEmbedder:
    """A loaded musicnn-msd. `weights`: the verified file that `fetch_musicnn` returns."""

    def __init__(
        self,
        weights: Path,
        windows: WindowPlan,
        device: torch.device,
        *,
        may_fall_back: bool = False,
    ) -> None:
        self.space = musicnn_space(windows)
        self.windows = windows
        self._weights = weights
        # Always float32: there is little work in it, and half the bits change the vector most here.
        self._run = Runner(self._network, windows, device, half=False, may_fall_back=may_fall_back)

    @property
    def device(self) -> str:
        """See `Embedder.device`."""
        return self._run.device

    @property
    def batch(self) -> int:
        """See `Embedder.batch`."""
        return self._run.batch

    def hear(self, windows: FloatArray) -> FloatArray:
        """See `Embedder.hear`. Features are the penultimate layer and the tags' probabilities."""
        return self._run(windows)

    def embedding(self, heard: FloatArray) -> Embedding:
        """See `Embedder.embedding`. Tags: all 50, strongest first, to 4 decimals."""
        vector = unit_mean(heard[:, :MUSICNN_DIMENSION])
        return Embedding(vector, _ranked(heard[:, MUSICNN_DIMENSION:].mean(axis=0)))

    def _network(self, _precision: torch.dtype) -> nn.Module:
        return _Features(Musicnn(load_file(self._weights)))


class _Features(nn.Module):
    def __init__(self, network: Musicnn) -> None:
        super().__init__()
        self._frontend = LogMel()
        self._network = network

    def forward(self, windows: Tensor) -> Tensor:
        """[n, samples] at 16 kHz -> [n, 250]."""
        return torch.cat(self._network(self._frontend(windows)), dim=1)


def _ranked(weights: FloatArray) -> tuple[Tag, ...]:
    order = np.argsort(-weights, kind="stable")
    return tuple(Tag(MSD_TAGS[i], round(float(weights[i]), 4)) for i in order)
