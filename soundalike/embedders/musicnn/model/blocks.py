"""The convolutions of musicnn as matrix products, without the dead filters.

Features are [n, frames, channels]. Libraries are slow at convolutions of one input channel or with
wide kernels, and fast at matrix products.

Training drove most of the front end's filters to zero: of its 561, 64 respond to the input (23 and
14 of 204 timbral ones; 3, 7 and 17 of 51 temporal ones); the outputs of the others, the dead ones,
are constant. Those are computed once, when the network is loaded: a tenth of the work is left, and
the penultimate layer differs by 2e-6 at most.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

Weights = Mapping[str, Tensor]

EPSILON = 1e-3  # of every batch norm in the checkpoint's graph

# A filter is dead if it cannot change a feature by more than DEAD; inputs are below MAX_INPUT. The
# port's own rounding is larger.
DEAD = 1e-6
MAX_INPUT = 4.0  # of the first batch norm's output; a full-scale square wave makes 1.9

# Neighbouring outputs that one matrix product gives; the fastest of 6 to 30 and of 16 to 94.
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
        """Scale and shift [..., channels]; returns the same shape."""
        return features * self.scale + self.shift


class FrontBlock(nn.Module):
    """A convolution over time and frequency, then the maximum over frequency.

    The original takes the maximum last, after relu and batch norm. Both are monotone, so taking it
    first gives the same result and leaves them 1/30 to 1/96 of the work; where the batch norm's
    scale is negative the maximum would become a minimum, so the kernel is multiplied by its sign.

    `alive`: bool [filters], the filters that `forward` computes. `constant`: float32 [filters], the
    output of those that are dead.
    """

    kernel: Tensor
    bias: Tensor
    sign: Tensor
    scale: Tensor
    shift: Tensor
    alive: Tensor
    constant: Tensor

    def __init__(self, weights: Weights, conv: str, norm: str) -> None:
        super().__init__()
        kernel = weights[f"{conv}/kernel"].squeeze(2)  # taps, bands, filters
        bias, after = weights[f"{conv}/bias"], Affine(weights, norm)
        effect = MAX_INPUT * kernel.abs().sum(dim=(0, 1)) * after.scale.abs()
        alive = effect > DEAD
        sign = torch.where(after.scale < 0, -1.0, 1.0)[alive]
        self.register_buffer("alive", alive)
        self.register_buffer("constant", after(functional.relu(bias)))
        self.register_buffer("kernel", self._shifted(kernel[..., alive] * sign))
        self.register_buffer("sign", sign)
        self.register_buffer("bias", bias[alive])
        self.register_buffer("scale", after.scale[alive])
        self.register_buffer("shift", after.shift[alive])

    def _shifted(self, kernel: Tensor) -> Tensor:
        """Turn [taps, bands, filters] into a matrix [inputs, neighbouring outputs * filters].

        A row with a few more inputs than the kernel contains all inputs of neighbouring outputs:
        the matrix is the kernel, shifted once for each of them (a Toeplitz matrix).
        """
        raise NotImplementedError

    def _finished(self, largest: Tensor) -> Tensor:
        """Turn the maxima over frequency, [..., alive filters], into the block's features."""
        return functional.relu(largest * self.sign + self.bias) * self.scale + self.shift


class TimbralBlock(FrontBlock):
    """A block whose kernels have 7 frames and 38 or 67 bands."""

    def _shifted(self, kernel: Tensor) -> Tensor:
        self._taps, self._width, filters = kernel.shape
        shifted = kernel.new_zeros(
            self._taps, self._width + BANDS_AT_ONCE - 1, BANDS_AT_ONCE, filters
        )
        for band in range(BANDS_AT_ONCE):
            shifted[:, band : band + self._width, band] = kernel
        return shifted.flatten(2).flatten(0, 1)

    def forward(self, mel: Tensor) -> Tensor:
        """Map float32 [n, frames, bands] to [n, frames, alive filters]."""
        n, frames, bands = mel.shape
        padding = (0, 0, (self._taps - 1) // 2, self._taps // 2)  # TensorFlow's "same"
        rows = functional.pad(mel, padding).unfold(1, self._taps, 1).transpose(2, 3)
        span = self._width + BANDS_AT_ONCE - 1
        last = bands - span  # the last part overlaps the one before: a maximum stays the same
        starts = [*range(0, last, BANDS_AT_ONCE), last]
        parts = torch.stack([rows[..., start : start + span] for start in starts])
        outputs = parts.flatten(3).flatten(0, 2) @ self.kernel
        largest = outputs.view(len(starts), n, frames, BANDS_AT_ONCE, -1).amax(dim=3)
        return self._finished(largest.amax(dim=0))


class TemporalBlock(FrontBlock):
    """A block whose kernels have 32, 64 or 128 frames and one band."""

    def _shifted(self, kernel: Tensor) -> Tensor:
        self._taps, _, filters = kernel.shape
        shifted = kernel.new_zeros(self._taps + FRAMES_AT_ONCE - 1, FRAMES_AT_ONCE, filters)
        for frame in range(FRAMES_AT_ONCE):
            shifted[frame : frame + self._taps, frame] = kernel[:, 0]
        return shifted.flatten(1)

    def forward(self, mel: Tensor) -> Tensor:
        """Map float32 [n, frames, bands] to [n, frames, alive filters]."""
        n, frames, bands = mel.shape
        parts = -(-frames // FRAMES_AT_ONCE)
        padding = ((self._taps - 1) // 2, self._taps // 2 + parts * FRAMES_AT_ONCE - frames)
        rows = functional.pad(mel.transpose(1, 2), padding)
        rows = rows.unfold(2, len(self.kernel), FRAMES_AT_ONCE)  # n, bands, parts, inputs
        outputs = rows.transpose(1, 2).flatten(0, 2) @ self.kernel
        largest = outputs.view(n, parts, bands, -1).amax(dim=2)
        return self._finished(largest.view(n, parts * FRAMES_AT_ONCE, -1)[:, :frames])


class MidBlock(nn.Module):
    """A convolution over 7 frames and all channels: each tap's product, then the sum of them.

    `alive` and `constant`: of the channels, as a FrontBlock's; `forward` gets the alive ones.
    """

    kernel: Tensor
    from_constant: Tensor
    bias: Tensor

    def __init__(
        self, weights: Weights, conv: str, norm: str, alive: Tensor, constant: Tensor
    ) -> None:
        super().__init__()
        self.norm = Affine(weights, norm)
        kernel = weights[f"{conv}/kernel"].squeeze(2)  # taps, channels, filters
        self._taps = len(kernel)
        by_channel = kernel.transpose(0, 1).flatten(1)  # channels, taps * filters
        self.register_buffer("kernel", by_channel[alive])
        self.register_buffer("from_constant", constant[~alive] @ by_channel[~alive])
        self.register_buffer("bias", weights[f"{conv}/bias"])

    def forward(self, features: Tensor) -> Tensor:
        """Map float32 [n, frames, alive channels] to [n, frames, 64]."""
        frames, half = features.shape[1], self._taps // 2
        products = functional.pad(features @ self.kernel + self.from_constant, (0, 0, half, half))
        taps = products.view(*products.shape[:2], self._taps, -1)
        convolved = sum((taps[:, i : i + frames, i] for i in range(self._taps)), start=self.bias)
        normed: Tensor = self.norm(functional.relu(convolved))
        return normed
