"""The musicnn network (Pons and Serra 2019, arXiv:1909.06654) in PyTorch, for inference.

A port of `build_musicnn` in musicnn 0.1.0's models.py: the same layers under the checkpoint's own
names. Each block there is convolution -> relu -> batch norm; batch norm in inference is an affine
map, here a scale and a shift.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

Weights = Mapping[str, Tensor]

EPSILON = 1e-3  # of every batch norm in the checkpoint's graph


class Affine(nn.Module):
    """A batch norm in inference. `axes`: how many axes follow the channels."""

    scale: Tensor
    shift: Tensor

    def __init__(self, weights: Weights, name: str, axes: int = 0) -> None:
        super().__init__()
        scale = weights[f"{name}/gamma"] / (weights[f"{name}/moving_variance"] + EPSILON).sqrt()
        shift = weights[f"{name}/beta"] - scale * weights[f"{name}/moving_mean"]
        self.register_buffer("scale", scale.reshape(-1, *[1] * axes))
        self.register_buffer("shift", shift.reshape(-1, *[1] * axes))

    def forward(self, features: Tensor) -> Tensor:
        """[n, channels, ...], same shape out."""
        return features * self.scale + self.shift


class FrontBlock(nn.Module):
    """A convolution over time and frequency, then the largest answer over frequency.

    The original takes the maximum last, after relu and batch norm. Both are monotone, so taking it
    first is the same and leaves them 1/30 to 1/96 of the work; where the batch norm's scale is
    negative the maximum becomes a minimum, which the sign folded into the kernel turns back.
    """

    kernel: Tensor
    bias: Tensor
    sign: Tensor

    def __init__(self, weights: Weights, conv: str, norm: str) -> None:
        super().__init__()
        self.norm = Affine(weights, norm, axes=1)
        kernel = weights[f"{conv}/kernel"].permute(3, 2, 0, 1)  # filters, 1, time, frequency
        sign = torch.where(self.norm.scale < 0, -1.0, 1.0)
        self.register_buffer("sign", sign)
        self.register_buffer("kernel", kernel * sign[..., None, None])
        self.register_buffer("bias", weights[f"{conv}/bias"] * sign.flatten())

    def forward(self, mel: Tensor) -> Tensor:
        """[n, frames, 96] -> [n, filters, frames]."""
        taps = self.kernel.shape[2]
        padded = functional.pad(mel, (0, 0, (taps - 1) // 2, taps // 2))  # TensorFlow's "same"
        largest = functional.conv2d(padded[:, None], self.kernel, self.bias).amax(dim=3)
        response: Tensor = self.norm(functional.relu(largest * self.sign))
        return response


class MidBlock(nn.Module):
    """A convolution over 7 frames and all channels."""

    kernel: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, conv: str, norm: str) -> None:
        super().__init__()
        self.norm = Affine(weights, norm, axes=1)
        self.register_buffer("kernel", weights[f"{conv}/kernel"][:, :, 0].permute(2, 1, 0))
        self.register_buffer("bias", weights[f"{conv}/bias"])

    def forward(self, features: Tensor) -> Tensor:
        """[n, channels, frames] -> [n, 64, frames]."""
        heard = functional.conv1d(features, self.kernel, self.bias, padding=3)
        response: Tensor = self.norm(functional.relu(heard))
        return response


class Dense(nn.Module):
    """A fully connected layer."""

    kernel: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, name: str) -> None:
        super().__init__()
        self.register_buffer("kernel", weights[f"{name}/kernel"])
        self.register_buffer("bias", weights[f"{name}/bias"])

    def forward(self, features: Tensor) -> Tensor:
        """[n, inputs] -> [n, outputs]."""
        return torch.addmm(self.bias, features, self.kernel)


class Musicnn(nn.Module):
    """Log-mel frames to the penultimate layer and the tags."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        convs = ["conv2d", *(f"conv2d_{i}" for i in range(1, 8))]
        norms = ["batch_normalization", *(f"batch_normalization_{i}" for i in range(1, 11))]
        blocks = list(zip(convs, norms[1:9], strict=True))
        self.normalise = Affine(weights, norms[0])
        self.front = nn.ModuleList(FrontBlock(weights, *names) for names in blocks[:5])
        self.mid = nn.ModuleList(MidBlock(weights, *names) for names in blocks[5:])
        self.pool_norm = Affine(weights, norms[9])
        self.hidden = Dense(weights, "dense")
        self.hidden_norm = Affine(weights, norms[10])
        self.output = Dense(weights, "dense_1")

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """[n, frames, 96] -> penultimate [n, 200] and tag probabilities [n, 50]."""
        mel = self.normalise(mel)
        front = torch.cat([block(mel) for block in self.front], dim=1)
        first = self.mid[0](front)
        second = first + self.mid[1](first)
        third = second + self.mid[2](second)
        features = torch.cat([front, first, second, third], dim=1)
        # The original flattens [753, 2]: maximum and mean of a channel lie side by side.
        pooled = torch.stack([features.amax(dim=2), features.mean(dim=2)], dim=2).flatten(1)
        hidden = self.hidden_norm(functional.relu(self.hidden(self.pool_norm(pooled))))
        return hidden, torch.sigmoid(self.output(hidden))
