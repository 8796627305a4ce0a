"""Features of each track at several depths of musicnn, for choosing the one to compare by."""

import threading
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from soundalike.embedders.base import Embedding, FloatArray
from soundalike.embedders.musicnn.model.embedder import MusicnnEmbedder
from soundalike.embedders.musicnn.model.frontend import LogMel
from soundalike.embedders.musicnn.model.network import Musicnn
from soundalike.embedders.musicnn.spec import musicnn_windows
from soundalike.embedders.scheduler import embed_files
from soundalike.settings import Windows

PENULTIMATE, TAGS = 200, 50

# A track's features: name -> [tracks, size].
Features = dict[str, FloatArray]


class Depths(nn.Module):
    """[n, samples] -> [n, 200 + 50 + 1506]: penultimate layer, tags, and what was pooled."""

    def __init__(self, network: Musicnn) -> None:
        super().__init__()
        self._frontend, self._network = LogMel(), network
        self._captured = threading.local()  # windows are embedded in threads
        network.pool_norm.register_forward_pre_hook(self._capture)

    def _capture(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._captured.pooled = inputs[0]

    def forward(self, windows: Tensor) -> Tensor:
        _, hidden, tags = self._network(self._frontend(windows))
        return torch.cat([hidden, tags, self._captured.pooled], dim=1)


class DeepEmbedder(MusicnnEmbedder):
    """Its "vector" is not of unit length: means and deviations over the windows of all depths."""

    def _network(self, precision: torch.dtype) -> nn.Module:
        return Depths(super()._network(precision)._network)

    def pool(self, features: FloatArray) -> Embedding:
        return Embedding(np.concatenate([features.mean(axis=0), features.std(axis=0)]))


def features(
    weights: Path, flacs: dict[str, Path], windows: Windows, cache: Path
) -> dict[str, FloatArray]:
    """Each track's [2 * 1756], cached as one file a track."""
    folder = cache / f"musicnn-depths-{windows}"
    folder.mkdir(parents=True, exist_ok=True)
    files = {track: folder / f"{track}.npy" for track in flacs}
    embedder = DeepEmbedder(weights, musicnn_windows(windows), torch.device("cpu"))
    missing = {track: flacs[track] for track, file in files.items() if not file.exists()}
    with embed_files(embedder, missing) as items:
        for each in items:
            if isinstance(each.result, Exception):
                raise each.result
            np.save(files[each.item], each.result.vector)
    return {track: np.load(file) for track, file in files.items()}


def split(stacked: FloatArray, network: Musicnn) -> Features:
    """[tracks, 2 * 1756] by name. Maximum and mean over time lie side by side in what is pooled."""
    scale, shift = network.pool_norm.scale.numpy(), network.pool_norm.shift.numpy()
    varying = np.repeat(network.alive.numpy(), 2)
    mean, deviation = np.split(stacked, 2, axis=1)
    pooled, spread = mean[:, PENULTIMATE + TAGS :], deviation[:, PENULTIMATE + TAGS :]
    return {
        "penultimate": mean[:, :PENULTIMATE],
        "penultimate deviation": deviation[:, :PENULTIMATE],
        "tags": mean[:, PENULTIMATE : PENULTIMATE + TAGS],
        "mid mean": pooled[:, 1::2],
        "mid max": pooled[:, 0::2],
        "mid mean deviation": spread[:, 1::2],
        "pooled": pooled,
        "normalised": (pooled * scale + shift)[:, varying],
    }
