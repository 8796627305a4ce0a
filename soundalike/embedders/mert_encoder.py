"""MERT's transformer encoder, as HuBERT's (Hsu et al. 2021, arXiv:2106.07447), for inference.

Matrix products and attention run in a chosen precision; the residual stream, norms and softmax
stay in float32, so that half the bits cost the vector next to nothing.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundalike.embedders.mert_frontend import Tensors, gelu


class Norm(nn.Module):
    """Layer norm over the last axis, in float32."""

    scale: Tensor
    shift: Tensor

    def __init__(self, tensors: Tensors, name: str, epsilon: float) -> None:
        super().__init__()
        self.name = name
        self._epsilon = epsilon
        self.register_buffer("scale", tensors[f"{name}.weight"])
        self.register_buffer("shift", tensors[f"{name}.bias"])

    def forward(self, states: Tensor) -> Tensor:
        """[..., hidden] -> the same shape."""
        return functional.layer_norm(
            states.float(), self.scale.shape, self.scale, self.shift, self._epsilon
        )


class Dense(nn.Module):
    """One or several of a checkpoint's linear layers, side by side as one matrix product."""

    weight: Tensor
    bias: Tensor

    def __init__(self, tensors: Tensors, names: list[str], precision: torch.dtype) -> None:
        super().__init__()
        self.names = names
        self.register_buffer(
            "weight", torch.cat([tensors[f"{n}.weight"] for n in names]).to(precision)
        )
        self.register_buffer("bias", torch.cat([tensors[f"{n}.bias"] for n in names]).to(precision))

    def forward(self, states: Tensor) -> Tensor:
        """[..., inputs] -> [..., outputs] in its precision."""
        return functional.linear(states.to(self.weight.dtype), self.weight, self.bias)


class Position(nn.Module):
    """The position embedding: a long grouped convolution over time, its weight norm folded."""

    kernel: Tensor
    bias: Tensor

    def __init__(self, tensors: Tensors, name: str, groups: int, precision: torch.dtype) -> None:
        super().__init__()
        self._groups = groups
        direction = tensors[f"{name}.weight_v"]  # channels, channels of a group, taps
        length = torch.linalg.vector_norm(direction, dim=(0, 1), keepdim=True)
        kernel = (direction * (tensors[f"{name}.weight_g"] / length))[:, :, None]
        # Channels last, as the states lie in memory: 1.7 times as fast on a CPU.
        kernel = kernel.to(precision).contiguous(memory_format=torch.channels_last)
        self.register_buffer("kernel", kernel)
        self.register_buffer("bias", tensors[f"{name}.bias"].to(precision))

    def forward(self, states: Tensor) -> Tensor:
        """[n, frames, hidden] -> what is to be added to it."""
        image = states.to(self.kernel.dtype).transpose(1, 2)[:, :, None]
        padding = (0, self.kernel.shape[3] // 2)
        heard = functional.conv2d(
            image, self.kernel, self.bias, padding=padding, groups=self._groups
        )
        return gelu(heard[:, :, 0, : states.shape[1]].transpose(1, 2))


class Layer(nn.Module):
    """Self-attention and a feed-forward part, each with its residual and its norm.

    `pre_norm`: norms come before the parts (330M), not after the residuals (95M).
    """

    def __init__(
        self,
        tensors: Tensors,
        name: str,
        heads: int,
        pre_norm: bool,
        epsilon: float,
        precision: torch.dtype,
    ) -> None:
        super().__init__()
        self._heads = heads
        self._pre_norm = pre_norm
        projections = [f"{name}.attention.{which}_proj" for which in "qkv"]
        self.attention_in = Dense(tensors, projections, precision)
        self.attention_out = Dense(tensors, [f"{name}.attention.out_proj"], precision)
        self.attention_norm = Norm(tensors, f"{name}.layer_norm", epsilon)
        self.widen = Dense(tensors, [f"{name}.feed_forward.intermediate_dense"], precision)
        self.narrow = Dense(tensors, [f"{name}.feed_forward.output_dense"], precision)
        self.feed_norm = Norm(tensors, f"{name}.final_layer_norm", epsilon)

    def forward(self, states: Tensor) -> Tensor:
        """float32 [n, frames, hidden] -> the same."""
        if self._pre_norm:
            states = states + self._attend(self.attention_norm(states))
            return states + self._feed(self.feed_norm(states))
        states = self.attention_norm(states + self._attend(states))
        normed: Tensor = self.feed_norm(states + self._feed(states))
        return normed

    def _attend(self, states: Tensor) -> Tensor:
        n, frames, hidden = states.shape
        parts = self.attention_in(states).view(n, frames, 3, self._heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each n, heads, frames, hidden / heads
        heard = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.attention_out(heard.transpose(1, 2).reshape(n, frames, hidden))
        return out

    def _feed(self, states: Tensor) -> Tensor:
        out: Tensor = self.narrow(gelu(self.widen(states)))
        return out
