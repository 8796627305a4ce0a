"""A checkpoint of MERT-v1-95M's size with random weights, and how many operations it takes.

The published weights cannot be downloaded where this was developed; how fast a network is does not
depend on what its weights are.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import HubertConfig, HubertModel

from soundalike.embedders.mert.checkpoint import MertCheckpoint, open_checkpoint
from soundalike.embedders.mert.config import MertConfig

TINY = Path(__file__).parents[1] / "tests" / "fixtures" / "mert-v1-tiny" / "config.json"
SIZES = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "conv_dim": [512] * 7,
}
NEW_NAMES = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
}


def write_checkpoint(folder: Path, sizes: Mapping[str, object] = SIZES) -> MertCheckpoint:
    """A folder for SOUNDALIKE_MERT_PATH: config.json and model.safetensors, always the same.

    `sizes`: what differs from the tests' tiny network; nothing makes one of its size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config_json = json.dumps(json.loads(TINY.read_text()) | dict(sizes))
    (folder / "config.json").write_text(config_json)
    config = MertConfig.model_validate_json((folder / "config.json").read_bytes())
    torch.manual_seed(0)
    tensors = HubertModel(HubertConfig(**config.hubert)).state_dict()
    for new, published in NEW_NAMES.items():
        tensors = {name.replace(new, published): tensor for name, tensor in tensors.items()}
    save_file(tensors, folder / "model.safetensors")
    return open_checkpoint(folder, "mert-v1-95m")


def flops(config: MertConfig, samples: int, layers: int) -> int:
    """The operations that one window of `samples` takes in front end and `layers` layers.

    As published: multiplications and additions of convolutions, linear layers and attention.
    """
    total, frames, inputs = 0, samples, 1
    shape = zip(config.conv_dim, config.conv_kernel, config.conv_stride, strict=True)
    for channels, kernel, stride in shape:
        frames = (frames - kernel) // stride + 1
        total += 2 * frames * inputs * kernel * channels
        inputs = channels
    hidden, wide = config.hidden_size, config.intermediate_size
    group = hidden // config.num_conv_pos_embedding_groups
    total += 2 * frames * (inputs * hidden + hidden * group * config.num_conv_pos_embeddings)
    linear = 2 * frames * (4 * hidden**2 + 2 * hidden * wide)
    attention = 4 * frames**2 * hidden
    return total + layers * (linear + attention)


if __name__ == "__main__":
    import sys

    write_checkpoint(Path(sys.argv[1]))
    print(f"SOUNDALIKE_MERT_PATH={Path(sys.argv[1]).absolute()}")
