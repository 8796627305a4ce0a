"""Pooling: the vectors of a track's windows to one vector."""

import numpy as np

from soundalike.embedders.base import FloatArray
from soundalike.errors import AudioError


def unit_mean(windows: FloatArray) -> FloatArray:
    """Average windows and scale to length 1: float32 [n, dimension] -> float32 [dimension].

    Raises AudioError("not_finite") if the mean has no direction: NaN, infinity or zero.
    """
    mean = windows.mean(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    if not (np.isfinite(length) and length > 0):
        raise AudioError("not_finite", "the model's output for this audio is not a usable vector")
    unit: FloatArray = (mean / length).astype(np.float32)
    return unit
