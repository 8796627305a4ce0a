"""Common parts of MERT's modules: the comparison with a checkpoint, and GELU."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

Tensors = Mapping[str, Tensor]

CONVOLUTIONS = "feature_extractor.conv_layers"  # in the checkpoint's names


class CheckpointModule(nn.Module):
    """A part of the network that can be compared with the checkpoint that it was loaded from."""

    def mismatched(self, tensors: Tensors) -> list[str]:
        """List the names of the checkpoint's `tensors` [...] that this part does not hold.

        They are compared bit for bit, in this part's precision.
        """
        raise NotImplementedError


def mismatches(held: Mapping[str, Tensor], tensors: Tensors) -> list[str]:
    """List the names whose tensors [...] differ, in the precision of `held`."""
    return [n for n, tensor in held.items() if not torch.equal(tensor, tensors[n].to(tensor.dtype))]


def gelu(features: Tensor) -> Tensor:
    """Apply GELU to [...] in place: allocating a tensor can cost more than the function."""
    activated: Tensor = torch.ops.aten.gelu_(features)
    return activated
