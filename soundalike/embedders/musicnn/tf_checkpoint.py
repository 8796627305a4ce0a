"""A reader of TensorFlow V2 checkpoints without TensorFlow.

A checkpoint is two files. `.index` is a LevelDB table (blocks of prefix-compressed keys, then a
48-byte footer) that maps each tensor's name to a protobuf, BundleEntryProto; `.data-*` holds the
values, raw. Format: tensorflow/core/protobuf/tensor_bundle.proto, tensorflow/core/lib/io/format.cc.
The format's checksums are ignored: the caller verifies both files' SHA-256.
"""

import math
import struct
from collections.abc import Iterator
from io import BytesIO

import numpy as np

from soundalike.embedders.base import FloatArray
from soundalike.errors import WeightsError

FOOTER = 48
MAGIC = 0xDB4775248B80FB57
DT_FLOAT = 1
VARINT, LENGTH_DELIMITED, FIXED32 = 0, 2, 5  # the wire types these messages use
# Field numbers in BundleEntryProto, then in TensorShapeProto and its Dim.
DTYPE, SHAPE, SHARD, OFFSET, SIZE = 1, 2, 3, 4, 5
DIMS, DIM_SIZE = 2, 1


def read_tensors(index: bytes, data: bytes) -> dict[str, FloatArray]:
    """Read every tensor, float32 [...], of a one-shard checkpoint of float32 tensors, by name.

    Raises WeightsError if the files are damaged or hold something else.
    """
    try:
        return {name: _tensor(entry, data) for name, entry in _entries(index)}
    except (ArithmeticError, LookupError, struct.error, ValueError) as error:
        raise WeightsError(f"not a readable TensorFlow checkpoint: {error}") from error


def _entries(index: bytes) -> Iterator[tuple[str, bytes]]:
    footer = BytesIO(index[-FOOTER:])
    _handle(footer)  # of the metaindex, which is empty
    top = _handle(footer)
    if struct.unpack("<Q", index[-8:])[0] != MAGIC:
        raise ValueError("the index does not end with the table's magic number")
    for _, handle in _records(index, *top):
        for key, entry in _records(index, *_handle(BytesIO(handle))):
            if key:  # the empty key holds the header
                yield key.decode(), entry


def _records(index: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of each record of a block; a key may share a prefix with the last one."""
    if index[offset + size] != 0:
        raise ValueError("a block is compressed")
    block = index[offset : offset + size]
    restarts = struct.unpack("<I", block[-4:])[0]
    stream, key = BytesIO(block[: size - 4 - 4 * restarts]), b""
    while stream.tell() < len(stream.getbuffer()):
        shared, added, length = _varint(stream), _varint(stream), _varint(stream)
        key = key[:shared] + _exactly(stream, added)
        yield key, _exactly(stream, length)


def _tensor(entry: bytes, data: bytes) -> FloatArray:
    numbers, messages = _fields(entry)
    sizes = [_fields(dim)[0].get(DIM_SIZE, 0) for dim in _shape(messages)]
    if numbers.get(DTYPE) != DT_FLOAT or numbers.get(SHARD, 0) != 0:
        raise ValueError("a tensor is not float32 in the first shard")
    if numbers.get(SIZE, 0) != 4 * math.prod(sizes):
        raise ValueError("a tensor's size does not fit its shape")
    values = np.frombuffer(data, "<f4", math.prod(sizes), numbers.get(OFFSET, 0))
    return values.astype(np.float32).reshape(sizes)


def _shape(messages: dict[int, list[bytes]]) -> list[bytes]:
    shape = messages.get(SHAPE, [b""])[0]
    return _fields(shape)[1].get(DIMS, [])


def _fields(message: bytes) -> tuple[dict[int, int], dict[int, list[bytes]]]:
    """Decode a protobuf message: its numbers, and its encoded submessages, by field number."""
    numbers: dict[int, int] = {}
    messages: dict[int, list[bytes]] = {}
    stream = BytesIO(message)
    while stream.tell() < len(message):
        field, wire_type = divmod(_varint(stream), 8)
        if wire_type == VARINT:
            numbers[field] = _varint(stream)
        elif wire_type == LENGTH_DELIMITED:
            messages.setdefault(field, []).append(_exactly(stream, _varint(stream)))
        elif wire_type == FIXED32:
            _exactly(stream, 4)
        else:
            raise ValueError("an entry has a field of an unknown kind")
    return numbers, messages


def _handle(stream: BytesIO) -> tuple[int, int]:
    """Read a block's offset and size."""
    return _varint(stream), _varint(stream)


def _varint(stream: BytesIO) -> int:
    value = shift = 0
    while True:
        byte = _exactly(stream, 1)[0]
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value


def _exactly(stream: BytesIO, length: int) -> bytes:
    """Read `length` bytes; at the end, `read` alone would return fewer without an error."""
    read = stream.read(length)
    if len(read) != length:
        raise ValueError("the index ends inside a value")
    return read
