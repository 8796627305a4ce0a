"""Altered copies of a track, as files, for measuring whether the model still identifies it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from soundalike.audio.resample import CANONICAL_RATE as RATE

Samples = NDArray[np.float32]
Write = Callable[[Samples, Path], None]


@dataclass(frozen=True)
class Alteration:
    """A change to a track.

    `write` writes the altered copy of mono float32 [samples] at 44 100 Hz to a path `*.suffix`.
    """

    suffix: str
    write: Write


def _encoded(codec: str, bit_rate: int) -> Write:
    def write(samples: Samples, path: Path) -> None:
        with av.open(str(path), "w") as container:
            rate = 48_000 if codec == "libopus" else RATE
            stream = container.add_stream(codec, rate=rate, layout="mono")
            if not isinstance(stream, AudioStream):  # for the type checker
                raise TypeError(codec)
            stream.bit_rate = bit_rate
            for start in range(0, len(samples), RATE):
                part = np.ascontiguousarray(samples[None, start : start + RATE])
                frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    return write


def _lossless(change: Callable[[Samples], Samples]) -> Write:
    def write(samples: Samples, path: Path) -> None:
        soundfile.write(path, change(samples), RATE, subtype="PCM_16", format="FLAC")

    return write


def _without_ends(samples: Samples) -> Samples:
    """Cut off the first and the last tenth, at most 10 s each."""
    cut = min(10 * RATE, len(samples) // 10)
    return samples[cut : len(samples) - cut]


def _excerpt(seconds: int) -> Callable[[Samples], Samples]:
    """Make a function that cuts out `seconds`, with a third of the rest before them."""

    def cut(samples: Samples) -> Samples:
        start = max(0, (len(samples) - seconds * RATE) // 3)
        return samples[start : start + seconds * RATE]

    return cut


COPIES: Mapping[str, Alteration] = {
    "MP3, 64 kbit/s": Alteration("mp3", _encoded("libmp3lame", 64_000)),
    "Opus, 24 kbit/s": Alteration("ogg", _encoded("libopus", 24_000)),
    "a tenth off each end (at most 10 s)": Alteration("flac", _lossless(_without_ends)),
    "12 dB quieter": Alteration("flac", _lossless(lambda samples: samples / np.float32(4))),
}
EXCERPTS: Mapping[str, Alteration] = {
    f"excerpt of {seconds} s": Alteration("flac", _lossless(_excerpt(seconds)))
    for seconds in (5, 10, 20)
}
