"""The baseline to beat: statistics of MFCCs, the usual hand-made timbre vector."""

import numpy as np
import torch
from numpy.typing import NDArray

from soundalike.embedders.base import Embedding, EmbeddingSpace, FloatArray, WindowPlan
from soundalike.embedders.musicnn_frontend import LogMel
from soundalike.embedders.pooling import unit_mean

COEFFICIENTS = 20
FEATURES = 3 * COEFFICIENTS

# Mean and deviation of each statistic over the 28 tracks of immich-memories-music 0.1.0, so that no
# coefficient outweighs the others; fixed, because nothing may be fitted on what is evaluated.
# fmt: off
MEAN = ()
DEVIATION = ()
# fmt: on


def _cosines(bands: int) -> torch.Tensor:
    """The orthonormal DCT-II's first rows: [bands, COEFFICIENTS]."""
    band, order = np.arange(bands) + 0.5, np.arange(COEFFICIENTS)
    table = np.cos(np.pi / bands * np.outer(band, order)) * np.sqrt(2 / bands)
    table[:, 0] /= np.sqrt(2)
    return torch.from_numpy(table.astype(np.float32))


class MfccEmbedder:
    """Mean and deviation of 20 MFCCs, and deviation of their differences: 60 numbers a track.

    Differences from frame to frame (16 ms) average to nothing, so their mean is left out. The mel
    bands are musicnn's. Standardised by MEAN and DEVIATION, compared by cosine.
    """

    device = "cpu float32"
    batch = 32

    def __init__(self, windows: WindowPlan) -> None:
        self.windows = windows
        self.space = EmbeddingSpace("mfcc.statistics", "mfcc", FEATURES)
        self._frontend = LogMel()

    @torch.inference_mode()
    def hear(self, windows: FloatArray) -> FloatArray:
        """First and second moments of each window: float32 [n, samples] -> [n, 60]."""
        mel = self._frontend(torch.from_numpy(windows))
        mfcc = mel @ _cosines(mel.shape[-1])
        moments = [mfcc.mean(1), mfcc.square().mean(1), mfcc.diff(dim=1).square().mean(1)]
        return torch.cat(moments, dim=1).numpy()

    def embedding(self, heard: FloatArray) -> Embedding:
        """See `Embedder.embedding`."""
        scaled = (statistics(heard) - np.array(MEAN)) / np.array(DEVIATION)
        return Embedding(unit_mean(scaled[None].astype(np.float32)))


def statistics(heard: FloatArray) -> NDArray[np.float64]:
    """Of a track's windows [n, 60]: means, deviations, deviations of differences, [60]."""
    mean, square, difference = heard.mean(axis=0, dtype=np.float64).reshape(3, COEFFICIENTS)
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    return np.concatenate([mean, deviation, np.sqrt(difference)])
