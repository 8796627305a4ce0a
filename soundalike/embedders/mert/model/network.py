"""MERT (Li et al. 2023, arXiv:2306.00107) up to one layer: windows to the mean of a hidden state.

A MERT without CQT is a HuBERT. This is that network for inference: layers above the one that is
read are omitted, and whatever can be folded into weights is. Its hidden states equal the published
code's (tests/embedders/test_mert.py).
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from soundalike.embedders.mert.config import MertConfig
from soundalike.embedders.mert.model.encoder import Layer, Linear, Norm, PositionEmbedding
from soundalike.embedders.mert.model.frontend import FrontEnd
from soundalike.embedders.mert.model.modules import Tensors

VARIANCE_FLOOR = 1e-7  # as in transformers' Wav2Vec2FeatureExtractor


class MertNetwork(nn.Module):
    """Hidden state `layer` of a checkpoint's float32 `tensors`, averaged over time.

    `normalise`: each window is first scaled to zero mean and unit variance.
    """

    def __init__(
        self,
        config: MertConfig,
        tensors: Tensors,
        layer: int,
        normalise: bool,
        precision: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        epsilon, heads = config.layer_norm_eps, config.num_attention_heads
        self._normalise = normalise
        self._pre_norm = config.do_stable_layer_norm
        self.front_end = FrontEnd(tensors, precision)
        self.projection_norm = Norm(tensors, "feature_projection.layer_norm", epsilon)
        self.projection = Linear(tensors, ["feature_projection.projection"], precision)
        groups = config.num_conv_pos_embedding_groups
        self.position = PositionEmbedding(tensors, "encoder.pos_conv_embed.conv", groups, precision)
        # After the position embedding in a post-norm model, after the last layer in a pre-norm one.
        self.norm = Norm(tensors, "encoder.layer_norm", epsilon)
        self.layers = nn.ModuleList(
            Layer(tensors, f"encoder.layers.{i}", heads, self._pre_norm, epsilon, precision)
            for i in range(layer)
        )
        self._complete = layer == config.num_hidden_layers

    def forward(self, windows: Tensor) -> Tensor:
        """Map float32 [n, samples] at 24 kHz to float32 [n, hidden]."""
        for state in self.hidden_states(windows):  # noqa: B007 - one at a time is in memory
            pass
        return state.mean(dim=1)

    def hidden_states(self, windows: Tensor) -> Iterator[Tensor]:
        """Yield the encoder's input and each layer's output: float32 [n, frames, hidden].

        `windows`: float32 [n, samples] at 24 kHz. The last output of a complete pre-norm model has
        passed the final norm.
        """
        audio = _normalised(windows) if self._normalise else windows
        state = self.projection(self.projection_norm(self.front_end(audio))).float()
        state = state + self.position(state)
        state = state if self._pre_norm else self.norm(state)
        yield state
        for number, layer in enumerate(self.layers, 1):
            state = layer(state)
            last = self._complete and number == len(self.layers)
            yield self.norm(state) if self._pre_norm and last else state


def _normalised(audio: Tensor) -> Tensor:
    variance, mean = torch.var_mean(audio, dim=1, correction=0, keepdim=True)
    return (audio - mean) / torch.sqrt(variance + VARIANCE_FLOOR)
