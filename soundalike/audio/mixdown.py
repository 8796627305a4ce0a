"""Mixing channels down to one, and what is lost by it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SILENCE = 10 ** (-80 / 20)  # what stays below -80 dBFS is not heard
# The channels of a mix cancel each other out if less than this share is left of the power that
# unrelated channels would have in it. Music is far above: a mono recording has twice that power,
# and what is left of a wide stereo one is seldom below a fifth.
CANCELLED = 0.01


class Mixdown:
    """Averages the channels of one chunk of audio after the other, or takes `channel` alone.

    It decides for a whole file, so that nothing clicks, and so that the same file always gives the
    same audio: the average, to the bit, unless `audible_channel` names a channel to take instead,
    in a second pass.
    """

    def __init__(self, channel: int | None = None) -> None:
        self.peak = 0.0  # the loudest sample of any channel, 1 being full scale; exact if quiet
        self._channel = channel
        self._mixed = self._unrelated = 0.0
        self._powers: dict[int, float] = {}

    @property
    def audible_channel(self) -> int | None:
        """The loudest channel, where the channels cancel each other out; None where they do not.

        Where a cable of a transfer from vinyl was wired wrongly, the average is next to nothing. A
        constant offset counts as nothing.
        """
        if self._channel is None and self._mixed < CANCELLED * self._unrelated:
            return max(self._powers, key=self._powers.__getitem__)
        return None

    def mono(self, channels: list[NDArray[Any]]) -> NDArray[np.float32]:
        """Mix [channels][n] of any sample type to float32 [n], full scale being 1."""
        scale = _scale(channels[0].dtype)
        if self._channel is not None and self._channel < len(channels):
            channels = [channels[self._channel]]
        mono = _average(channels)
        if self.peak <= SILENCE:
            self.peak = max(self.peak, *(_peak(channel) * scale for channel in channels))
        if len(channels) > 1:
            self._measure(channels, mono, scale)
        return mono

    def _measure(
        self, channels: list[NDArray[Any]], mono: NDArray[np.float32], scale: float
    ) -> None:
        self._mixed += _power(mono)
        for number, channel in enumerate(channels):
            power = _power(channel) * scale**2
            self._powers[number] = self._powers.get(number, 0.0) + power
            self._unrelated += power / len(channels) ** 2


def _average(channels: list[NDArray[Any]]) -> NDArray[np.float32]:
    kind = channels[0].dtype
    mono: NDArray[np.float32] = channels[0].astype(np.float32)
    for channel in channels[1:]:  # numpy's own mean over channels takes five times as long
        mono += channel
    mono /= len(channels)
    if kind == np.uint8:
        mono /= 128
        mono -= 1
    elif np.issubdtype(kind, np.integer):
        mono *= 2.0 ** (1 - 8 * kind.itemsize)
    if not np.isfinite(mono).all():
        np.nan_to_num(mono, copy=False, posinf=1.0, neginf=-1.0)
    return mono


def _scale(kind: np.dtype[Any]) -> float:
    return 2.0 ** (1 - 8 * kind.itemsize) if np.issubdtype(kind, np.integer) else 1.0


def _peak(channel: NDArray[Any]) -> float:
    """The loudest sample's distance from zero, in the samples' own unit."""
    middle = 128.0 if channel.dtype == np.uint8 else 0.0
    return max(float(channel.max()) - middle, middle - float(channel.min()))


def _power(samples: NDArray[Any]) -> float:
    """The sum of squares around the mean, in the samples' own unit."""
    centred = samples - samples.mean(dtype=np.float64).astype(np.float32)
    centred = centred.astype(np.float32, copy=False)
    return float(np.dot(centred, centred))
