"""The base class of the MERT and musicnn embedders, which pass windows to a runner."""

from pathlib import Path

import torch

from soundalike.audio.window_plan import WindowPlan
from soundalike.embedders.base import Embedding, EmbeddingSpace, FloatArray
from soundalike.embedders.inference.runner import Build, Runner


class TorchEmbedder:
    """An `Embedder` around a network; subclasses define how a track's features are pooled.

    `build`, `half`, `may_fall_back` and `times`: see `Runner`.
    """

    def __init__(
        self,
        space: EmbeddingSpace,
        windows: WindowPlan,
        build: Build,
        device: torch.device,
        *,
        half: bool,
        may_fall_back: bool,
        times: Path | None = None,
    ) -> None:
        self.space = space
        self.windows = windows
        self._run = Runner(
            build, windows, device, half=half, may_fall_back=may_fall_back, times=times
        )

    @property
    def device(self) -> str:
        """The device and precision it runs in."""
        return self._run.device

    @property
    def batch(self) -> int:
        """The number of windows to pass to `extract` at once; it may change between calls."""
        return self._run.batch

    def extract(self, windows: FloatArray) -> FloatArray:
        """Extract each window's features: float32 [n, samples] -> float32 [n, features]."""
        return self._run(windows)

    def pool(self, features: FloatArray) -> Embedding:
        """Pool a track's features, float32 [n, features], to its embedding; subclasses do."""
        raise NotImplementedError
