"""What MERT's modules share: how a part is held against its checkpoint, and GELU."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

Tensors = Mapping[str, Tensor]

CONVOLUTIONS = "feature_extractor.conv_layers"  # in the checkpoint's names


class CheckpointModule(nn.Module):
    """A part of the network that can tell whether it holds what the checkpoint has for it."""

    def mismatched(self, tensors: Tensors) -> list[str]:
        """Names of the checkpoint's tensors that are not here, to the bit of their precision."""
        raise NotImplementedError


def mismatches(held: Mapping[str, Tensor], tensors: Tensors) -> list[str]:
    """Names under which `tensors`, in the precision of `held`, has something else."""
    return [n for n, tensor in held.items() if not torch.equal(tensor, tensors[n].to(tensor.dtype))]


def gelu(features: Tensor) -> Tensor:
    """GELU in place: a fresh tensor of this size can cost more than the function."""
    activated: Tensor = torch.ops.aten.gelu_(features)
    return activated
