"""The musicnn network (Pons and Serra 2019, arXiv:1909.06654) in PyTorch, for inference.

A port of `build_musicnn` in musicnn 0.1.0's models.py: the same layers under the checkpoint's own
names. Each block there is convolution -> relu -> batch norm; batch norm in inference is an affine
map, here a scale and a shift.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundalike.embedders.musicnn.model.blocks import (
    Affine,
    FrontBlock,
    MidBlock,
    TemporalBlock,
    TimbralBlock,
    Weights,
)


class Dense(nn.Module):
    """A fully connected layer."""

    kernel: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, name: str) -> None:
        super().__init__()
        self.register_buffer("kernel", weights[f"{name}/kernel"])
        self.register_buffer("bias", weights[f"{name}/bias"])

    def forward(self, features: Tensor) -> Tensor:
        """Map float32 [n, inputs] to [n, outputs]."""
        return torch.addmm(self.bias, features, self.kernel)


class Musicnn(nn.Module):
    """The network: log-mel frames to the pooled layer, the penultimate layer and the tags."""

    alive: Tensor
    constant: Tensor

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        convs = ["conv2d", *(f"conv2d_{i}" for i in range(1, 8))]
        norms = ["batch_normalization", *(f"batch_normalization_{i}" for i in range(1, 11))]
        names = list(zip(convs, norms[1:9], strict=True))
        self.normalise = Affine(weights, norms[0])
        front: list[FrontBlock] = [TimbralBlock(weights, *n) for n in names[:2]]
        front += [TemporalBlock(weights, *n) for n in names[2:5]]
        self.front = nn.ModuleList(front)
        alive = torch.cat([block.alive for block in front])
        constant = torch.cat([block.constant for block in front])
        every, none = torch.ones(64, dtype=torch.bool), torch.zeros(64)
        first = MidBlock(weights, *names[5], alive, constant)
        self.mid = nn.ModuleList([first, *(MidBlock(weights, *n, every, none) for n in names[6:])])
        # The pooled channels: the front's, dead ones as constants, and three times the middle's.
        self.register_buffer("alive", torch.cat([alive, every, every, every]))
        self.register_buffer("constant", torch.cat([constant, none, none, none]))
        self.pool_norm = Affine(weights, norms[9])
        self.hidden = Dense(weights, "dense")
        self.hidden_norm = Affine(weights, norms[10])
        self.output = Dense(weights, "dense_1")

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map [n, frames, bands] to pooled [n, 512], penultimate [n, 200] and tags [n, 50].

        Pooled: maximum and mean over time of the 256 channels that are alive, normalised by the
        network's own batch norm, as the input of the dense layers. Tags: probabilities.
        """
        mel = self.normalise(mel)
        front = torch.cat([block(mel) for block in self.front], dim=2)
        first = self.mid[0](front)
        second = first + self.mid[1](first)
        third = second + self.mid[2](second)
        features = torch.cat([front, first, second, third], dim=2)
        # The original flattens [753, 2]: maximum and mean of a channel lie side by side.
        pooled = self.constant[:, None].repeat(len(mel), 1, 2)
        pooled[:, self.alive] = torch.stack([features.amax(dim=1), features.mean(dim=1)], dim=2)
        normalised = self.pool_norm(pooled.flatten(1))
        hidden = self.hidden_norm(functional.relu(self.hidden(normalised)))
        alive = normalised.unflatten(1, (-1, 2))[:, self.alive].flatten(1)
        return alive, hidden, torch.sigmoid(self.output(hidden))
