"""What MERT and musicnn share as embedders: windows go through a runner."""

import torch

from soundalike.embedders.base import Embedding, EmbeddingSpace, FloatArray, WindowPlan
from soundalike.embedders.inference.runner import Build, Runner


class TorchEmbedder:
    """An `Embedder` around a network; what a track's features mean is for the model to say.

    `build`, `half` and `may_fall_back`: see `Runner`.
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
    ) -> None:
        self.space = space
        self.windows = windows
        self._run = Runner(build, windows, device, half=half, may_fall_back=may_fall_back)

    @property
    def device(self) -> str:
        """See `Embedder.device`."""
        return self._run.device

    @property
    def batch(self) -> int:
        """See `Embedder.batch`."""
        return self._run.batch

    def extract(self, windows: FloatArray) -> FloatArray:
        """See `Embedder.hear`."""
        return self._run(windows)

    def embedding(self, heard: FloatArray) -> Embedding:
        """See `Embedder.embedding`."""
        raise NotImplementedError
