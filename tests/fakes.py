"""An embedder that costs nothing and still answers to what it hears."""

import numpy as np

from soundalike.audio.window_plan import WindowPlan
from soundalike.embedders.base import Embedding, EmbeddingSpace, FloatArray, PredictedTag
from soundalike.settings import Settings, load_settings

FAKE_SPACE = EmbeddingSpace("fake.spectrum", "fake", 16, {"version": 1})


class FakeEmbedder:
    """The mean spectrum in 16 bands, and one tag. Counts the tracks it embedded."""

    def __init__(self, space: EmbeddingSpace = FAKE_SPACE, batch: int = 3) -> None:
        self.space = space
        self.windows = WindowPlan(sample_rate=16_000, samples=16_000, max_windows=5)
        self.device = "cpu float32"
        self.batch = batch
        self.embedded = 0

    def extract(self, windows: FloatArray) -> FloatArray:
        spectrum = np.abs(np.fft.rfft(windows, axis=1))
        bands = np.array_split(spectrum, self.space.dimension, axis=1)
        return np.stack([band.mean(axis=1) for band in bands], axis=1).astype(np.float32)

    def pool(self, features: FloatArray) -> Embedding:
        self.embedded += 1
        vector = np.log1p(features.mean(axis=0))
        return Embedding(vector / np.linalg.norm(vector), (PredictedTag("fake", 0.5),))


class FakeModel:
    """What pipelines.resources.Model is, around a FakeEmbedder."""

    def __init__(self, space: EmbeddingSpace = FAKE_SPACE) -> None:
        self.space = space
        self.embedder = FakeEmbedder(space)

    @property
    def settings(self) -> Settings:
        return load_settings()

    def load(self) -> FakeEmbedder:
        return self.embedder
