"""The windows of a track that a model embeds: equal, spread over it, at the model's sample rate."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from soundalike.audio.mixdown import SILENCE
from soundalike.audio.resample import CANONICAL_RATE, PEAK, noted
from soundalike.audio.window_plan import WindowPlan
from soundalike.errors import AudioError

# Window starts lie on this grid (10 ms), a whole number of samples at 16, 24 and 44.1 kHz alike:
# a window is then the same whether it or the whole track is resampled.
GRID = CANONICAL_RATE // 100
MARGIN = 10 * GRID  # canonical samples read either side, where the filter settles


def spread(total: int, window: int, max_windows: int | None) -> list[int]:
    """Starts of at most `max_windows` equal windows over `total` samples, first to last.

    None: of as many as cover all of the track. They lie evenly, and overlap only where the track is
    not a whole number of them. A remainder of less than a tenth of a window gets none of its own,
    unless `max_windows` is None. All in canonical samples (44 100 Hz), the starts on GRID.
    """
    ignored = 0 if max_windows is None else window // 10
    enough = max(1, -(-(total - ignored) // window))
    count = enough if max_windows is None else min(max_windows, enough)
    slack = max(0, total - window)
    if count == 1:
        return [slack // 2 // GRID * GRID]
    return [slack * step // (count - 1) // GRID * GRID for step in range(count)]


def read_windows(flac: Path | BinaryIO, plan: WindowPlan) -> Iterator[NDArray[np.float32]]:
    """Yield the audible windows of a canonical FLAC: float32 [plan.samples] at `plan.sample_rate`.

    In order. A track shorter than a window is one shorter window. Only one window is held, so
    memory does not grow with the track. Raises AudioError, maybe after some windows: too_short,
    too_quiet, silent, damaged.
    """
    audible = 0
    try:
        with soundfile.SoundFile(flac) as file:
            for window in _all(file, plan):
                if _is_audible(window):
                    audible += 1
                    yield window
            if not audible:
                raise _inaudible(file)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            "damaged", f"its 44.1 kHz audio was damaged; it is made again ({error})"
        ) from error


def _is_audible(window: NDArray[np.float32]) -> bool:
    """Tell whether a window is neither silent nor, but for its ends, a constant offset."""
    if np.abs(window).max() <= SILENCE:
        return False
    offset = float(np.median(window))
    inner = window[len(window) // 8 : -(len(window) // 8) or None]
    return abs(offset) <= SILENCE or float(np.abs(inner - offset).max()) > SILENCE


def _inaudible(file: soundfile.SoundFile) -> AudioError:
    """The failure of a track without an audible window, by its loudest sample."""
    peak = noted(file, PEAK)
    if peak is None:
        file.seek(0)
        blocks = file.blocks(CANONICAL_RATE, dtype="float32")
        peak = max((float(np.abs(block).max()) for block in blocks), default=0.0)
    if not peak:
        return AudioError("silent", "no audible music: every part of it is digital silence")
    level = 20 * math.log10(peak)
    if peak <= SILENCE:
        return AudioError("too_quiet", f"too quiet: its loudest sample is at {level:.0f} dBFS")
    return AudioError("silent", "no audible music in the parts of it that are embedded")


def _all(file: soundfile.SoundFile, plan: WindowPlan) -> Iterator[NDArray[np.float32]]:
    seconds = file.frames / CANONICAL_RATE
    if seconds < plan.min_seconds:
        raise AudioError(
            "too_short",
            f"{seconds:.1f} s long; at least {plan.min_seconds:.1f} s are needed",
        )
    length = min(plan.samples, int(seconds * plan.sample_rate))
    window = -(-length * CANONICAL_RATE // plan.sample_rate)
    for start in spread(file.frames, window, plan.max_windows):
        yield _read(file, start, window, plan.sample_rate, length)


def _read(
    file: soundfile.SoundFile, start: int, window: int, sample_rate: int, length: int
) -> NDArray[np.float32]:
    first = max(0, start - MARGIN)
    file.seek(first)
    audio = file.read(start - first + window + MARGIN, dtype="float32")
    resampled = soxr.resample(audio, CANONICAL_RATE, sample_rate, quality="HQ")
    skip = (start - first) * sample_rate // CANONICAL_RATE
    cut: NDArray[np.float32] = resampled[skip : skip + length]
    return cut
