"""Audio for tests: a synthetic wave, and the demo tracks cut into musicnn's windows."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

SAMPLES = 186 * 256 + 512


def synthetic(seed: int) -> NDArray[np.float32]:
    """A tone, a pulsing chirp and noise: float32 [48128] at 16 kHz."""
    time = np.arange(SAMPLES) / 16_000
    pulse = np.sin(2 * np.pi * 2 * time) > 0
    chirp = np.sin(2 * np.pi * (300 * time + 200 * time**2)) * pulse
    noise = np.random.Generator(np.random.PCG64(seed)).random(SAMPLES) - 0.5
    mixed = 0.2 * np.sin(2 * np.pi * 220 * time) + 0.1 * chirp + 0.05 * noise
    return mixed.astype(np.float32)


def first_windows(path: Path, count: int) -> NDArray[np.float32]:
    """The first `count` windows of a file: float32 [count, 48128] at 16 kHz."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000, frame_size=SAMPLES)
    with av.open(str(path)) as container:
        frames = (new for frame in container.decode(audio=0) for new in resampler.resample(frame))
        return np.stack([next(frames).to_ndarray()[0] for _ in range(count)])
