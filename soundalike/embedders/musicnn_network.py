"""The musicnn network (Pons and Serra 2019, arXiv:1909.06654) in PyTorch, for inference.

A port of `build_musicnn` in musicnn 0.1.0's models.py: the same layers under the checkpoint's own
names. Each block there is convolution -> relu -> batch norm; batch norm in inference is an affine
map, here a scale and a shift.

Features are [n, frames, channels], and convolutions are matrix products: libraries are slow at
convolutions of one input channel or with wide kernels, and fast at those. The front end's products,
nearly all of the work, run in a chosen precision; everything else is float32.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

Weights = Mapping[str, Tensor]

EPSILON = 1e-3  # of every batch norm in the checkpoint's graph

# Neighbouring answers that one matrix product gives, of 6 to 30 and of 16 to 64 the fastest.
BANDS_AT_ONCE = 10
FRAMES_AT_ONCE = 32


class Affine(nn.Module):
    """A batch norm in inference, over the last axis."""

    scale: Tensor
    shift: Tensor

    def __init__(self, weights: Weights, name: str) -> None:
        super().__init__()
        scale = weights[f"{name}/gamma"] / (weights[f"{name}/moving_variance"] + EPSILON).sqrt()
        shift = weights[f"{name}/beta"] - scale * weights[f"{name}/moving_mean"]
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, features: Tensor) -> Tensor:
        """[..., channels], same shape out."""
        return features * self.scale + self.shift


class FrontBlock(nn.Module):
    """A convolution over time and frequency, then the largest answer over frequency.

    The original takes the maximum last, after relu and batch norm. Both are monotone, so taking it
    first is the same and leaves them 1/30 to 1/96 of the work; where the batch norm's scale is
    negative the maximum becomes a minimum, which the sign folded into the kernel turns back.
    """

    bias: Tensor
    sign: Tensor

    def __init__(self, weights: Weights, conv: str, norm: str) -> None:
        super().__init__()
        self.norm = Affine(weights, norm)
        self.register_buffer("sign", torch.where(self.norm.scale < 0, -1.0, 1.0))
        self.register_buffer("bias", weights[f"{conv}/bias"])

    def finished(self, largest: Tensor) -> Tensor:
        """[n, frames, filters]: the largest product over frequency -> the block's features."""
        response: Tensor = self.norm(functional.relu(largest.float() * self.sign + self.bias))
        return response


class TimbralBlock(FrontBlock):
    """Kernels of 7 frames and 38 or 67 bands.

    A row of 7 frames and a few more bands than the kernel has holds all that neighbouring bands'
    answers need: the kernel, shifted once for each, is one matrix (a Toeplitz matrix).
    """

    kernel: Tensor

    def __init__(
        self, weights: Weights, conv: str, norm: str, bands: int, precision: torch.dtype
    ) -> None:
        super().__init__(weights, conv, norm)
        kernel = weights[f"{conv}/kernel"].squeeze(2) * self.sign  # taps, width, filters
        self._taps, width, filters = kernel.shape
        self._span = width + BANDS_AT_ONCE - 1
        answers = bands - width + 1
        last = answers - BANDS_AT_ONCE  # the last part is shifted back to fit: for a maximum, fine
        self._starts = [*range(0, last, BANDS_AT_ONCE), last]
        shifted = kernel.new_zeros(self._taps, self._span, BANDS_AT_ONCE, filters)
        for band in range(BANDS_AT_ONCE):
            shifted[:, band : band + width, band] = kernel
        self.register_buffer("kernel", _for_terms(shifted.flatten(2).flatten(0, 1), precision))

    def forward(self, mel: Tensor) -> Tensor:
        """[n, frames, terms, bands] -> [n, frames, filters]."""
        n, frames, _, _ = mel.shape
        padding = (0, 0, 0, 0, (self._taps - 1) // 2, self._taps // 2)  # TensorFlow's "same"
        padded = functional.pad(mel, padding)
        rows = padded.unfold(1, self._taps, 1).transpose(3, 4)  # n, frames, terms, taps, bands
        parts = torch.stack([rows[..., start : start + self._span] for start in self._starts])
        answers = parts.flatten(3).flatten(0, 2) @ self.kernel
        best = answers.view(len(self._starts), n, frames, BANDS_AT_ONCE, -1).amax(dim=3)
        return self.finished(best.amax(dim=0))


class TemporalBlock(FrontBlock):
    """Kernels of 32, 64 or 128 frames and one band; the same matrix, over neighbouring frames."""

    kernel: Tensor

    def __init__(self, weights: Weights, conv: str, norm: str, precision: torch.dtype) -> None:
        super().__init__(weights, conv, norm)
        kernel = weights[f"{conv}/kernel"].squeeze(2).squeeze(1) * self.sign  # taps, filters
        self._taps, filters = kernel.shape
        shifted = kernel.new_zeros(self._taps + FRAMES_AT_ONCE - 1, FRAMES_AT_ONCE, filters)
        for frame in range(FRAMES_AT_ONCE):
            shifted[frame : frame + self._taps, frame] = kernel
        self._span = len(shifted)
        self.register_buffer("kernel", _for_terms(shifted.flatten(1), precision))

    def forward(self, mel: Tensor) -> Tensor:
        """[n, frames, terms, bands] -> [n, frames, filters]."""
        n, frames, _, bands = mel.shape
        parts = -(-frames // FRAMES_AT_ONCE)
        padding = ((self._taps - 1) // 2, self._taps // 2 + parts * FRAMES_AT_ONCE - frames)
        padded = functional.pad(mel.transpose(1, 3), padding)  # n, bands, terms, frames
        rows = padded.unfold(3, self._span, FRAMES_AT_ONCE)  # n, bands, terms, parts, span
        answers = rows.permute(0, 3, 1, 2, 4).flatten(3).flatten(0, 2) @ self.kernel
        best = answers.view(n, parts, bands, -1).amax(dim=2)
        return self.finished(best.view(n, parts * FRAMES_AT_ONCE, -1)[:, :frames])


def _in_terms(mel: Tensor, precision: torch.dtype) -> Tensor:
    """[n, frames, bands] -> [n, frames, terms, bands], whose sum over terms is `mel`.

    In half precision those are two: what rounding leaves over is a term of its own. With one, quiet
    passages lose too much (cosine to float32 0.9997 at worst on probe windows; with two 0.99996).
    """
    rounded = mel.to(precision)
    if precision == mel.dtype:
        return rounded[:, :, None]
    return torch.stack([rounded, (mel - rounded).to(precision)], dim=2)


def _for_terms(kernel: Tensor, precision: torch.dtype) -> Tensor:
    """[inputs, outputs] -> the kernel for `_in_terms`: [terms * inputs, outputs]."""
    return kernel.to(precision).repeat(1 if precision == kernel.dtype else 2, 1)


class MidBlock(nn.Module):
    """A convolution over 7 frames and all channels: each tap's product, then the sum of them."""

    kernel: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, conv: str, norm: str) -> None:
        super().__init__()
        self.norm = Affine(weights, norm)
        kernel = weights[f"{conv}/kernel"].squeeze(2)  # taps, inputs, filters
        self._taps = len(kernel)
        self.register_buffer("kernel", kernel.transpose(0, 1).flatten(1).contiguous())
        self.register_buffer("bias", weights[f"{conv}/bias"])

    def forward(self, features: Tensor) -> Tensor:
        """[n, frames, channels] -> [n, frames, 64]."""
        frames, half = features.shape[1], self._taps // 2
        products = functional.pad(features @ self.kernel, (0, 0, half, half))
        taps = products.view(*products.shape[:2], self._taps, -1)
        heard = sum((taps[:, i : i + frames, i] for i in range(self._taps)), start=self.bias)
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
    """Log-mel frames to the penultimate layer and the tags; `precision` is the front end's."""

    def __init__(
        self, weights: Weights, bands: int, precision: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self._precision = precision
        convs = ["conv2d", *(f"conv2d_{i}" for i in range(1, 8))]
        norms = ["batch_normalization", *(f"batch_normalization_{i}" for i in range(1, 11))]
        blocks = list(zip(convs, norms[1:9], strict=True))
        self.normalise = Affine(weights, norms[0])
        timbral = (TimbralBlock(weights, *names, bands, precision) for names in blocks[:2])
        temporal = (TemporalBlock(weights, *names, precision) for names in blocks[2:5])
        self.front = nn.ModuleList([*timbral, *temporal])
        self.mid = nn.ModuleList(MidBlock(weights, *names) for names in blocks[5:])
        self.pool_norm = Affine(weights, norms[9])
        self.hidden = Dense(weights, "dense")
        self.hidden_norm = Affine(weights, norms[10])
        self.output = Dense(weights, "dense_1")

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """[n, frames, bands] -> penultimate [n, 200] and tag probabilities [n, 50]."""
        mel = _in_terms(self.normalise(mel), self._precision)
        front = torch.cat([block(mel) for block in self.front], dim=2)
        first = self.mid[0](front)
        second = first + self.mid[1](first)
        third = second + self.mid[2](second)
        features = torch.cat([front, first, second, third], dim=2)
        # The original flattens [753, 2]: maximum and mean of a channel lie side by side.
        pooled = torch.stack([features.amax(dim=1), features.mean(dim=1)], dim=2).flatten(1)
        hidden = self.hidden_norm(functional.relu(self.hidden(self.pool_norm(pooled))))
        return hidden, torch.sigmoid(self.output(hidden))
