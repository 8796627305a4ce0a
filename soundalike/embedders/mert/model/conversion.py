"""Conversion of a published pytorch_model.bin to safetensors.

Safetensors open faster and cannot contain code.
"""

import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from soundalike.embedders.mert.model.tensors import open_bin
from soundalike.embedders.mert.published import SEAL, SOURCE, UNSEALED, seal
from soundalike.errors import WeightsError
from soundalike.storage.atomic import atomic_file


def convert(source: Path, sha256: str, revision: str, target: Path) -> None:
    """Write `source`'s tensors, as float32, to `target`, and read each back to compare it.

    `sha256`: that of `source`. `revision`: its revision on the hub. No pickle is executed, and
    float32 tensors stay on disk, memory-mapped. Raises WeightsError; OSError if `target` cannot be
    written.
    """
    tensors = _tensors(source)
    metadata = {"format": "pt", SOURCE: sha256, "revision": revision, SEAL: UNSEALED}
    with atomic_file(target) as temporary:
        try:
            save_file(tensors, temporary, metadata)
        except SafetensorError as error:  # the system's error is only in its text
            raise OSError(str(error)) from error
        shutil.copymode(source, temporary)  # safetensors makes files that only their owner can read
        seal(temporary)
        _compare(tensors, temporary, target)


def _tensors(source: Path) -> dict[str, Tensor]:
    try:
        return {name: tensor.float().contiguous() for name, tensor in open_bin(source).items()}
    except OSError:
        raise
    except Exception as error:  # another kind of file fails in many ways
        cause = " ".join(str(error).split())[:300]
        raise WeightsError(f"{source}: not readable as tensors: {cause}") from error


def _compare(tensors: dict[str, Tensor], written: Path, target: Path) -> None:
    with safe_open(written, framework="pt") as file:
        same = set(file.keys()) == set(tensors) and all(
            torch.equal(file.get_tensor(name), tensor) for name, tensor in tensors.items()
        )
    if not same:
        raise WeightsError(
            f"{target}: the tensors read back differ from those written; is the disk faulty?"
        )
