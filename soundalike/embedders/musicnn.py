"""musicnn-msd as an embedder: its penultimate layer, and its 50 tags, averaged over windows."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from soundalike.embedders.base import Embedding, FloatArray, Tag
from soundalike.embedders.musicnn_frontend import LogMel
from soundalike.embedders.musicnn_network import Musicnn
from soundalike.embedders.pooling import unit_mean
from soundalike.embedders.spaces import MUSICNN_WINDOWS, musicnn_space

# Windows at once. With 10 or more the feature maps fall out of the caches: about half the speed.
CHUNK = 2

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

    def __init__(self, weights: Path, device: torch.device) -> None:
        self.space = musicnn_space()
        self.windows = MUSICNN_WINDOWS
        self.device = device.type
        self._frontend = LogMel().to(device)
        self._network = Musicnn(load_file(weights)).eval().to(device)

    @torch.inference_mode()
    def embed(self, windows: FloatArray) -> Embedding:
        """See `Embedder.embed`. Tags: all 50, strongest first, to 4 decimals."""
        chunks = torch.split(torch.from_numpy(windows), CHUNK)
        heard = [self._network(self._frontend(chunk.to(self.device))) for chunk in chunks]
        hidden = torch.cat([vectors for vectors, _ in heard]).cpu().numpy()
        weights = torch.cat([tags for _, tags in heard]).cpu().numpy()
        return Embedding(unit_mean(hidden), _ranked(weights.mean(axis=0)))


def _ranked(weights: FloatArray) -> tuple[Tag, ...]:
    order = np.argsort(-weights, kind="stable")
    return tuple(Tag(MSD_TAGS[i], round(float(weights[i]), 4)) for i in order)
