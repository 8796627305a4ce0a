"""The MFCC baseline: statistics of MFCCs, the usual hand-crafted timbre vector."""

import numpy as np
import torch
from numpy.typing import NDArray

from soundalike.audio.window_plan import WindowPlan
from soundalike.embedders.base import Embedding, EmbeddingSpace, FloatArray
from soundalike.embedders.musicnn.model.frontend import LogMel
from soundalike.embedders.pooling import unit_mean

COEFFICIENTS = 20
FEATURES = 3 * COEFFICIENTS

# Mean and deviation of each statistic over the 28 tracks of immich-memories-music 0.1.0, so that no
# coefficient outweighs the others; fixed, because nothing may be fitted on the evaluated tracks.
# fmt: off
MEAN = (
    17.7, 8.92, 2.27, 2.02, 0.613, 0.248, -0.245, -0.124, -0.282, -0.0516,
    -0.0777, -0.0892, -0.233, -0.0121, 0.102, 0.0294, -0.229, -0.226, -0.42, 0.214,
    4.62, 2.26, 1.49, 1.17, 1.06, 1.03, 0.962, 0.954, 0.928, 0.959,
    0.932, 0.924, 0.932, 0.933, 0.924, 0.871, 0.843, 0.873, 0.911, 0.861,
    2.49, 1.13, 0.902, 0.695, 0.62, 0.588, 0.564, 0.556, 0.532, 0.526,
    0.521, 0.518, 0.511, 0.519, 0.513, 0.518, 0.492, 0.506, 0.503, 0.492,
)
DEVIATION = (
    2.17, 0.787, 0.705, 0.487, 0.413, 0.398, 0.405, 0.382, 0.416, 0.404,
    0.363, 0.374, 0.431, 0.486, 0.317, 0.329, 0.329, 0.351, 0.421, 0.326,
    1.05, 0.587, 0.393, 0.193, 0.155, 0.135, 0.106, 0.106, 0.119, 0.123,
    0.118, 0.1, 0.118, 0.11, 0.115, 0.115, 0.131, 0.115, 0.142, 0.117,
    0.835, 0.31, 0.286, 0.16, 0.105, 0.0692, 0.0706, 0.0648, 0.0494, 0.0494,
    0.0514, 0.0473, 0.0505, 0.0477, 0.0478, 0.0481, 0.0386, 0.0471, 0.0398, 0.04,
)
# fmt: on


def _cosines(bands: int) -> torch.Tensor:
    """The first vectors of the orthonormal DCT-II: float32 [bands, COEFFICIENTS]."""
    band, order = np.arange(bands) + 0.5, np.arange(COEFFICIENTS)
    table = np.cos(np.pi / bands * np.outer(band, order)) * np.sqrt(2 / bands)
    table[:, 0] /= np.sqrt(2)
    return torch.from_numpy(table.astype(np.float32))


class MfccEmbedder:
    """Mean and deviation of 20 MFCCs, and deviation of their differences: 60 numbers a track.

    Differences from frame to frame (16 ms) average to about zero, so their mean is left out. The
    mel bands are musicnn's. Standardised by MEAN and DEVIATION, compared by cosine.
    """

    device = "cpu float32"
    batch = 32

    def __init__(self, windows: WindowPlan) -> None:
        self.windows = windows
        self.space = EmbeddingSpace("mfcc.statistics", "mfcc", FEATURES)
        self._frontend = LogMel()

    @torch.inference_mode()
    def extract(self, windows: FloatArray) -> FloatArray:
        """Compute first and second moments of each window: float32 [n, samples] -> [n, 60]."""
        mel = self._frontend(torch.from_numpy(windows))
        mfcc = mel @ _cosines(mel.shape[-1])
        moments = [mfcc.mean(1), mfcc.square().mean(1), mfcc.diff(dim=1).square().mean(1)]
        return torch.cat(moments, dim=1).numpy()

    def pool(self, features: FloatArray) -> Embedding:
        """Turn a track's moments, float32 [n, 60], into its standardised statistics.

        Raises AudioError("not_finite") if they have no direction: NaN, infinity or zero.
        """
        scaled = (statistics(features) - np.array(MEAN)) / np.array(DEVIATION)
        return Embedding(unit_mean(scaled[None].astype(np.float32)))


def statistics(moments: FloatArray) -> NDArray[np.float64]:
    """Compute a track's statistics, float64 [60], from its windows' moments, float32 [n, 60].

    Means, deviations, deviations of differences.
    """
    mean, square, difference = moments.mean(axis=0, dtype=np.float64).reshape(3, COEFFICIENTS)
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    return np.concatenate([mean, deviation, np.sqrt(difference)])
