"""Writing a segment's exact vectors row by row, in any order: memory does not grow with the file.

The file is the one that faiss writes for an IndexFlatIP, to the byte; faiss itself needs all of the
vectors in memory for it, once more than whoever gathers them.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

_COUNT = slice(8, 16)  # after four letters and the dimension
_NUMBERS = slice(-8, None)  # how many numbers follow


def write_exact_rows(
    path: Path, places: NDArray[np.int64], dimension: int, blocks: Iterable[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Write vectors, float32 [n, dim] in blocks; `places`, int64 [n], are their rows in the file.

    Returns the file's vectors by row, float32 [n, dim], memory-mapped. Raises ValueError if there
    are not as many vectors as places.
    """
    header, bytes_a_row = _header(len(places), dimension), 4 * dimension
    with path.open("wb") as file:
        file.write(header)
        file.flush()
        os.truncate(file.fileno(), len(header) + len(places) * bytes_a_row)
        start = 0
        for block in blocks:
            rows = places[start : start + len(block)]
            if block.shape != (len(rows), dimension) or block.dtype != np.float32:
                raise ValueError(f"{block.dtype} {block.shape} for {len(rows)} rows")
            _write_rows(file.fileno(), len(header), rows, block)
            start += len(block)
    if start != len(places):
        raise ValueError(f"{start} vectors for {len(places)} rows")
    shape = len(places), dimension
    if not len(places):
        return np.empty(shape, np.float32)
    return np.memmap(path, np.float32, "r", len(header), shape)


def _write_rows(
    descriptor: int, offset: int, rows: NDArray[np.int64], block: NDArray[np.float32]
) -> None:
    """Write the rows in their order, those that follow each other at once."""
    order = np.argsort(rows)
    ordered, block = rows[order], np.ascontiguousarray(block[order])
    ends = [*(np.flatnonzero(np.diff(ordered) != 1) + 1).tolist(), len(ordered)]
    first = 0
    for end in ends:
        part = block[first:end].data.cast("B")
        at = offset + int(ordered[first]) * block.shape[1] * 4
        while part:
            written = os.pwrite(descriptor, part, at)
            part, at = part[written:], at + written
        first = end


def _header(count: int, dimension: int) -> bytes:
    one = faiss.IndexFlatIP(dimension)
    one.add(np.zeros((1, dimension), np.float32))
    header = bytearray(faiss.serialize_index(one).tobytes()[: -4 * dimension])
    header[_COUNT] = count.to_bytes(8, "little")
    header[_NUMBERS] = (count * dimension).to_bytes(8, "little")
    return bytes(header)
