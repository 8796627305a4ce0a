"""MERT's convolutional front end: audio to 75 feature vectors a second, tile by tile.

It is wav2vec 2.0's (Baevski et al. 2020, arXiv:2006.11477): seven convolutions without padding, a
group norm over time after the first, GELU after each. Two things are computed differently here,
with the same result:

- The group norm's mean and variance over a window follow from the mean and covariance of the
  window's 10-sample patches. So they are known before anything is convolved, and the norm is an
  affine map folded into the first kernel.
- Then nothing depends on the whole window any more, and the stack runs in tiles that stay in the
  CPU's caches. Each convolution is a matrix product on the tile as it lies in memory.
"""

import torch
from torch import Tensor, nn

from soundalike.embedders.mert.config import CONV_KERNEL, CONV_STRIDE
from soundalike.embedders.mert.model.modules import (
    CONVOLUTIONS,
    CheckpointModule,
    Tensors,
    gelu,
    mismatches,
)

PATCH, PATCH_HOP = CONV_KERNEL[0], CONV_STRIDE[0]
FRAME_HOP = 320  # samples at 24 kHz from one feature vector to the next: the strides' product
FRAME_SPAN = 400  # samples in the receptive field of one feature vector
EPSILON = 1e-5  # of the group norm

# Frames at once on a CPU. Of 16 to 749, 64 and 107 were fastest; the widest tensor takes 8 MB then.
CPU_TILE = 64


class FrontEnd(CheckpointModule):
    """The front end of a checkpoint; its convolutions after the first run in `precision`."""

    first: Tensor
    scale: Tensor
    shift: Tensor

    def __init__(self, tensors: Tensors, precision: torch.dtype) -> None:
        super().__init__()
        self._precision = precision
        self.register_buffer("first", tensors[f"{CONVOLUTIONS}.0.conv.weight"][:, 0].clone())
        self.register_buffer("scale", tensors[f"{CONVOLUTIONS}.0.layer_norm.weight"].clone())
        self.register_buffer("shift", tensors[f"{CONVOLUTIONS}.0.layer_norm.bias"].clone())
        names = [f"{CONVOLUTIONS}.{i}.conv.weight" for i in range(1, len(CONV_KERNEL))]
        self.rest = nn.ModuleList(Convolution(tensors, name, precision) for name in names)

    def mismatched(self, tensors: Tensors) -> list[str]:
        """Compare the first kernel [channels, 1, taps] and norm; the rest compare themselves."""
        held = {
            f"{CONVOLUTIONS}.0.conv.weight": self.first[:, None],
            f"{CONVOLUTIONS}.0.layer_norm.weight": self.scale,
            f"{CONVOLUTIONS}.0.layer_norm.bias": self.shift,
        }
        return mismatches(held, tensors)

    def forward(self, audio: Tensor) -> Tensor:
        """Map float32 [n, samples] at 24 kHz to [n, frames, channels], 75 frames a second."""
        kernels, biases = self._first_and_norm(audio)
        windows = zip(audio, kernels, biases, strict=True)
        return torch.stack([self._window(*window) for window in windows])

    def _first_and_norm(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Fold the first convolution and the group norm into one affine map of patches per window.

        Returns float32 kernels [n, 10, channels] and biases [n, channels]. Computed in float64: a
        high-pass filter leaves a ten-millionth of the patches' variance.
        """
        device = "cpu" if audio.device.type == "mps" else audio.device  # MPS has no float64
        first, scale, shift = (
            tensor.to(device).double() for tensor in (self.first, self.scale, self.shift)
        )
        patches = audio.to(device).double().unfold(1, PATCH, PATCH_HOP)
        mean = patches.mean(dim=1, keepdim=True)
        centred = patches - mean
        covariance = centred.transpose(1, 2) @ centred / patches.shape[1]
        variance = ((first @ covariance) * first).sum(dim=2)
        gain = scale / torch.sqrt(variance + EPSILON)
        kernels = (first * gain[..., None]).transpose(1, 2)
        biases = shift - gain * (mean @ first.T).squeeze(1)
        return kernels.to(audio.device, torch.float32), biases.to(audio.device, torch.float32)

    def _window(self, audio: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        """Map [samples] to [frames, channels]: in tiles on a CPU, at once on a GPU."""
        frames = (len(audio) - FRAME_SPAN) // FRAME_HOP + 1
        tile = CPU_TILE if audio.device.type == "cpu" else frames
        starts = range(0, frames, tile)
        ends = [min(start + tile, frames) for start in starts]
        spans = [
            audio[start * FRAME_HOP : (end - 1) * FRAME_HOP + FRAME_SPAN]
            for start, end in zip(starts, ends, strict=True)
        ]
        return torch.cat([self._tile(span, kernel, bias) for span in spans])

    def _tile(self, span: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        patches = span.unfold(0, PATCH, PATCH_HOP)
        features = gelu(torch.addmm(bias, patches, kernel)).to(self._precision)
        for convolution in self.rest:
            features = gelu(convolution(features))
        return features


class Convolution(CheckpointModule):
    """A convolution of kernel 2 or 3 and stride 2 over [frames, channels], without padding.

    Two neighbouring frames lie in memory as one row of twice the length, and every second frame is
    a strided matrix, so that both parts are matrix products and nothing is copied.
    """

    pair: Tensor
    third: Tensor | None

    def __init__(self, tensors: Tensors, name: str, precision: torch.dtype) -> None:
        super().__init__()
        self._name = name
        taps = tensors[name].permute(2, 1, 0).to(precision)  # taps, channels in, channels out
        self.register_buffer("pair", taps[:2].flatten(0, 1).contiguous())
        self.register_buffer("third", taps[2].contiguous() if len(taps) > 2 else None)  # noqa: PLR2004

    def mismatched(self, tensors: Tensors) -> list[str]:
        """Compare the kernel [channels out, channels in, taps] with the checkpoint's."""
        taps = list(self.pair.chunk(2)) + ([] if self.third is None else [self.third])
        return mismatches({self._name: torch.stack(taps).permute(2, 1, 0)}, tensors)

    def forward(self, features: Tensor) -> Tensor:
        """Map [frames, channels] to [about half the frames, channels]."""
        taps = 2 if self.third is None else 3
        frames = (len(features) - taps) // 2 + 1
        convolved = features[: 2 * frames].view(frames, -1) @ self.pair
        if self.third is not None:
            convolved.addmm_(features[2 : 2 * frames + 1 : 2], self.third)
        return convolved
