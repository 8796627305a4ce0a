"""The embedder of musicnn-msd: its pooled layer and its 50 tags, averaged over windows.

The reasons for the pooled layer rather than the penultimate one: docs/quality.md.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from soundalike.audio.window_plan import WindowPlan
from soundalike.embedders.base import Embedding, FloatArray, PredictedTag
from soundalike.embedders.inference.torch_embedder import TorchEmbedder
from soundalike.embedders.musicnn.model.frontend import LogMel
from soundalike.embedders.musicnn.model.network import Musicnn
from soundalike.embedders.musicnn.spec import DIMENSION, musicnn_space
from soundalike.embedders.pooling import unit_mean

# The Million Song Dataset's 50 most common tags, in the order of the network's outputs
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


class MusicnnEmbedder(TorchEmbedder):
    """A loaded musicnn-msd. `weights`: the verified file that `fetch_musicnn` returns.

    Always in float32: it takes little time, and 16 bits would change its vectors more than MERT's.
    """

    def __init__(
        self,
        weights: Path,
        windows: WindowPlan,
        device: torch.device,
        *,
        may_fall_back: bool = False,
    ) -> None:
        self._weights = weights
        space = musicnn_space(windows)
        super().__init__(
            space, windows, self._network, device, half=False, may_fall_back=may_fall_back
        )

    def pool(self, features: FloatArray) -> Embedding:
        """Average the windows' features, float32 [n, 512 + 50]: pooled layer and tag probabilities.

        Tags: all 50, most probable first, to 4 decimals. Raises AudioError("not_finite") if the
        vector has no direction: NaN, infinity or zero.
        """
        vector = unit_mean(features[:, :DIMENSION])
        return Embedding(vector, _ranked(features[:, DIMENSION:].mean(axis=0)))

    def _network(self, _precision: torch.dtype) -> nn.Module:
        return _Features(Musicnn(load_file(self._weights)))


class _Features(nn.Module):
    def __init__(self, network: Musicnn) -> None:
        super().__init__()
        self._frontend = LogMel()
        self._network = network

    def forward(self, windows: Tensor) -> Tensor:
        """Map float32 [n, samples] at 16 kHz to [n, 512 + 50]."""
        pooled, _, tags = self._network(self._frontend(windows))
        return torch.cat([pooled, tags], dim=1)


def _ranked(weights: FloatArray) -> tuple[PredictedTag, ...]:
    order = np.argsort(-weights, kind="stable")
    return tuple(PredictedTag(MSD_TAGS[i], round(float(weights[i]), 4)) for i in order)
