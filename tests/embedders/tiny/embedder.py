"""The tiny model: a window's spectrum in eight bands, weighted."""

from pathlib import Path

import numpy as np

from soundalike.audio.window_plan import WindowPlan
from soundalike.embedders.base import Embedding, EmbeddingSpace, FloatArray, PredictedTag
from soundalike.embedders.pooling import unit_mean


class TinyEmbedder:
    """A loaded tiny model."""

    device = "cpu float32"
    batch = 4

    def __init__(self, weights: Path, space: EmbeddingSpace) -> None:
        self.space = space
        self.windows = WindowPlan(sample_rate=16_000, samples=16_000, max_windows=3)
        self._weights = np.array(weights.read_text().split(), np.float32)

    def extract(self, windows: FloatArray) -> FloatArray:
        """Extract each window's bands: float32 [n, samples] -> float32 [n, 8]."""
        spectrum = np.log1p(np.abs(np.fft.rfft(windows, axis=1)))
        bands = np.array_split(spectrum, len(self._weights), axis=1)
        return np.stack([band.mean(axis=1) for band in bands], axis=1) * self._weights

    def pool(self, features: FloatArray) -> Embedding:
        """Average the windows' bands: float32 [n, 8] -> [8]."""
        return Embedding(unit_mean(features), (PredictedTag("tiny", 1.0),))
