"""Codes that stay in their file and are read for each search.

A builder searches a few times for all its checks, so it need not hold the codes of all segments.
"""

import os
import weakref
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.index.codes import StoredCodes
from soundalike.vectors.index.rows import Best
from soundalike.vectors.kinds import IndexKind


class CodesInFile:
    """The codes of a file, in no memory between searches. Safe to search from any thread."""

    def __init__(self, file: BinaryIO, kind: IndexKind) -> None:
        """Read them once, and keep `file` open. Raises RuntimeError if it is not a faiss index."""
        self.shape = StoredCodes.read(file, kind).shape
        self._kind, self._descriptor = kind, os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)

    def best(self, queries: NDArray[np.float32], count: int) -> Best:
        """Search for the `count` best rows for each unit vector of float32 [q, dim].

        Returns estimated cosines, float32 [q, count], and rows, as `StoredCodes.best` does.
        """
        with open(self._descriptor, "rb", closefd=False) as file:
            return StoredCodes.read(file, self._kind).best(queries, count)
