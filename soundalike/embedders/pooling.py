"""From the windows of a track to its one vector."""

import numpy as np

from soundalike.embedders.base import FloatArray
from soundalike.errors import AudioError


def unit_mean(windows: FloatArray) -> FloatArray:
    """Mean over windows, scaled to length 1: float32 [n, dimension] -> float32 [dimension].

    Raises AudioError("not_finite") if that is not a direction: NaN, infinity or zero.
    """
    mean = windows.mean(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    if not (np.isfinite(length) and length > 0):
        raise AudioError("not_finite", "the model's answer to this audio is not a usable vector")
    unit: FloatArray = (mean / length).astype(np.float32)
    return unit
