"""MERT (Li et al. 2023) as an embedder: mean over time of one hidden state, mean over windows."""

from pathlib import Path

import torch
from torch import nn

from soundalike.audio.window_plan import WindowPlan
from soundalike.embedders.base import Embedding, FloatArray
from soundalike.embedders.inference.torch_embedder import TorchEmbedder
from soundalike.embedders.mert.checkpoint import MertCheckpoint
from soundalike.embedders.mert.model.network import MertNetwork
from soundalike.embedders.mert.model.tensors import read_tensors, verify_loaded
from soundalike.embedders.mert.spec import mert_space
from soundalike.embedders.pooling import unit_mean


class MertEmbedder(TorchEmbedder):
    """A loaded MERT. Raises WeightsError if the checkpoint is damaged or not its config's."""

    def __init__(
        self,
        checkpoint: MertCheckpoint,
        windows: WindowPlan,
        device: torch.device,
        *,
        half: bool = True,
        may_fall_back: bool = False,
        times: Path | None = None,
    ) -> None:
        self._checkpoint = checkpoint
        super().__init__(
            mert_space(checkpoint, windows),
            windows,
            self._network,
            device,
            half=half,
            may_fall_back=may_fall_back,
            times=times,
        )

    def pool(self, features: FloatArray) -> Embedding:
        """Average the windows' features, float32 [n, dimension]: the state's means over time.

        Raises AudioError("not_finite") if the mean has no direction: NaN, infinity or zero.
        """
        return Embedding(unit_mean(features))

    def _network(self, precision: torch.dtype) -> nn.Module:
        checkpoint = self._checkpoint
        tensors = read_tensors(checkpoint)
        layer, normalise = checkpoint.layer, checkpoint.normalise
        network = MertNetwork(checkpoint.config, tensors, layer, normalise, precision)
        verify_loaded(checkpoint, network, tensors)
        return network
