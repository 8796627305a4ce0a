"""Writes checkpoints for tests: small TensorFlow ones, and changed copies of a MERT folder."""

import json
import shutil
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

TensorMap = dict[str, Tensor]


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def entry(shape: tuple[int, ...], offset: int, dtype: int = 1) -> bytes:
    """A BundleEntryProto, with a checksum field that nobody reads."""
    dims = b"".join(_field(2, _field(1, size)) for size in shape)
    size = 4 * int(np.prod(shape))
    head = _field(1, dtype) + _field(2, dims) + _field(4, offset) + _field(5, size)
    return head + varint(6 << 3 | 5) + b"\0\0\0\0"


def _block(records: Mapping[bytes, bytes]) -> bytes:
    """Keys share the first letters with the one before them."""
    block, before = b"", b""
    for key, value in records.items():
        shared = 0
        while shared < min(len(key), len(before)) and key[shared] == before[shared]:
            shared += 1
        lengths = varint(shared) + varint(len(key) - shared) + varint(len(value))
        block, before = block + lengths + key[shared:] + value, key
    return block + struct.pack("<II", 0, 1)


def table(entries: Mapping[bytes, bytes]) -> bytes:
    block = _block({b"": _field(1, 1), **entries})
    top = _block({b"~": varint(0) + varint(len(block))})
    handles = bytes(2) + varint(len(block) + 5) + varint(len(top))
    footer = handles.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    return block + bytes(5) + top + bytes(5) + footer


def tensorflow_checkpoint(tensors: Mapping[str, NDArray[np.float32]]) -> tuple[bytes, bytes]:
    """The `.index` and `.data-00000-of-00001` of a checkpoint."""
    data, entries = b"", {}
    for name in sorted(tensors):
        entries[name.encode()] = entry(tensors[name].shape, len(data))
        data += tensors[name].tobytes()
    return table(entries), data


def changed_mert(
    folder: Path,
    copy: Path,
    weights: Callable[[TensorMap], object] = lambda _: None,
    config: Mapping[str, object] | None = None,
) -> Path:
    """A copy of a MERT folder; `weights` changes its tensors in place, `config` its fields."""
    shutil.copytree(folder, copy)
    fields = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(fields | dict(config or {})))
    tensors = torch.load(copy / "pytorch_model.bin", weights_only=True)
    weights(tensors)
    torch.save(tensors, copy / "pytorch_model.bin")
    return copy
