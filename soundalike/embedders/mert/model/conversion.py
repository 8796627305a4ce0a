"""A published pytorch_model.bin as safetensors, which opens faster and can hold no code."""

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

    `sha256`: that of `source`. `revision`: where it comes from. No pickle is executed, and the
    tensors stay on the disk but for the one in hand. Raises WeightsError; OSError if `target`
    cannot be written.
    """
    tensors = _tensors(source)
    metadata = {"format": "pt", SOURCE: sha256, "revision": revision, SEAL: UNSEALED}
    with atomic_file(target) as temporary:
        try:
            save_file(tensors, temporary, metadata)
        except SafetensorError as error:  # what the system says, within a text
            raise OSError(str(error)) from error
        shutil.copymode(source, temporary)  # safetensors makes files that their owner alone reads
        seal(temporary)
        _compare(tensors, temporary, target)


def _tensors(source: Path) -> dict[str, Tensor]:
    try:
        return {name: tensor.float().contiguous() for name, tensor in open_bin(source).items()}
    except OSError:
        raise
    except Exception as error:  # another kind of file fails in many ways
        told = " ".join(str(error).split())[:300]
        raise WeightsError(f"{source}: not readable as tensors: {told}") from error


def _compare(tensors: dict[str, Tensor], written: Path, target: Path) -> None:
    with safe_open(written, framework="pt") as file:
        same = set(file.keys()) == set(tensors) and all(
            torch.equal(file.get_tensor(name), tensor) for name, tensor in tensors.items()
        )
    if not same:
        raise WeightsError(f"{target}: what was written is not what was read; is the disk sound?")
