"""A MERT checkpoint's tensors: read without pickle, checked against its config.json."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from torch import nn

from soundalike.embedders.mert.checkpoint import MertCheckpoint
from soundalike.embedders.mert.config import MertConfig
from soundalike.embedders.mert.model.modules import CONVOLUTIONS, CheckpointModule, Tensors
from soundalike.errors import WeightsError

Shape = tuple[int, ...]


def read_tensors(checkpoint: MertCheckpoint) -> dict[str, torch.Tensor]:
    """Read the tensors that the embedding depends on: float32 [...], by the checkpoint's names.

    Those of the layers above are not loaded. Raises WeightsError if the file is damaged, or holds
    other tensors than its config.json's model has.
    """
    expected = dict(_expected(checkpoint.config))
    used = {name for name in expected if _is_used(name, checkpoint.layer)}
    try:
        shapes, tensors = _read(checkpoint, used)
    except Exception as error:  # a damaged or hostile file fails in many ways
        raise _refusal(checkpoint, "not readable as tensors", str(error)) from error
    wrong = [
        f"{name} is {shapes.get(name, 'missing')}, not {expected.get(name, 'one of its tensors')}"
        for name in sorted(shapes.keys() | expected.keys())
        if shapes.get(name) != expected.get(name)
    ]
    if wrong:
        raise _refusal(checkpoint, "not its config.json's model", "; ".join(wrong))
    not_finite = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if not_finite:
        raise _refusal(checkpoint, "not finite", ", ".join(not_finite))
    return tensors


def verify_loaded(checkpoint: MertCheckpoint, network: nn.Module, tensors: Tensors) -> None:
    """Check that every part of the network holds the checkpoint's tensors, [...] of any shape.

    Raises WeightsError if one does not.
    """
    parts = [module for module in network.modules() if isinstance(module, CheckpointModule)]
    wrong = [name for part in parts for name in part.mismatched(tensors)]
    if wrong:
        raise _refusal(checkpoint, "not loaded as they are", ", ".join(wrong))


def _read(
    checkpoint: MertCheckpoint, used: set[str]
) -> tuple[dict[str, Shape], dict[str, torch.Tensor]]:
    """Read every tensor's shape, and the used tensors."""
    if checkpoint.weights.suffix == ".safetensors":
        with safe_open(checkpoint.weights, framework="pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            return shapes, {name: file.get_tensor(name).float() for name in used & shapes.keys()}
    every = open_bin(checkpoint.weights)
    shapes = {name: tuple(tensor.shape) for name, tensor in every.items()}
    return shapes, {name: every[name].float().clone() for name in used & shapes.keys()}


def open_bin(file: Path) -> dict[str, torch.Tensor]:
    """Open a pytorch_model.bin's tensors [...], memory-mapped where possible.

    No pickle is executed. Raises torch's own errors, which are of many classes.
    """
    # Files from before torch 1.6 are not zip archives, and cannot be mapped.
    mapped = zipfile.is_zipfile(file)
    tensors: dict[str, torch.Tensor] = torch.load(
        file, map_location="cpu", weights_only=True, mmap=mapped
    )
    return tensors


def _is_used(name: str, layer: int) -> bool:
    if name == "masked_spec_embed":  # only used in training
        return False
    above = name.startswith("encoder.layers.") and int(name.split(".")[2]) >= layer
    return not above


def _expected(config: MertConfig) -> Iterator[tuple[str, Shape]]:
    """Yield name and shape of every tensor that a HubertModel of this config has."""
    hidden, wide = config.hidden_size, config.intermediate_size
    inputs = 1
    for i, (channels, kernel) in enumerate(zip(config.conv_dim, config.conv_kernel, strict=True)):
        yield f"{CONVOLUTIONS}.{i}.conv.weight", (channels, inputs, kernel)
        inputs = channels
    yield from _pair(f"{CONVOLUTIONS}.0.layer_norm", config.conv_dim[0])
    yield from _pair("feature_projection.layer_norm", inputs)
    yield from _pair("feature_projection.projection", hidden, inputs)
    taps, groups = config.num_conv_pos_embeddings, config.num_conv_pos_embedding_groups
    position = "encoder.pos_conv_embed.conv"
    yield f"{position}.weight_g", (1, 1, taps)
    yield f"{position}.weight_v", (hidden, hidden // groups, taps)
    yield f"{position}.bias", (hidden,)
    yield from _pair("encoder.layer_norm", hidden)
    for i in range(config.num_hidden_layers):
        layer = f"encoder.layers.{i}"
        for which in ("q", "k", "v", "out"):
            yield from _pair(f"{layer}.attention.{which}_proj", hidden, hidden)
        yield from _pair(f"{layer}.feed_forward.intermediate_dense", wide, hidden)
        yield from _pair(f"{layer}.feed_forward.output_dense", hidden, wide)
        yield from _pair(f"{layer}.layer_norm", hidden)
        yield from _pair(f"{layer}.final_layer_norm", hidden)
    if config.mask_time_prob > 0 or config.mask_feature_prob > 0:
        yield "masked_spec_embed", (hidden,)


def _pair(name: str, outputs: int, *inputs: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (outputs, *inputs)
    yield f"{name}.bias", (outputs,)


def _refusal(checkpoint: MertCheckpoint, problem: str, detail: str) -> WeightsError:
    """Put `detail`, which torch spreads over many lines, on one line of at most 300 characters."""
    return WeightsError(f"{checkpoint.weights}: {problem}: {' '.join(detail.split())[:300]}")
