"""The canonical audio of a track: 44 100 Hz mono FLAC, 16 bit, written as it streams past."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from soundalike.audio.decode import Chunk, decode
from soundalike.errors import AudioError
from soundalike.storage.atomic import atomic_file

CANONICAL_RATE = 44_100


def write_canonical(source: Path, track_id: str, target: Path) -> float:
    """Decode `source`, resample, and publish `target`. Returns the track's length in seconds.

    Memory is bounded whatever the file's length. `target` appears whole or not at all.
    Raises AudioError as `decode` does.
    """
    with (
        atomic_file(target) as temporary,
        soundfile.SoundFile(
            temporary, "w", CANONICAL_RATE, channels=1, format="FLAC", subtype="PCM_16"
        ) as flac,
    ):
        for samples in resampled(decode(source, track_id)):
            flac.write(samples)
        if not flac.frames:  # libsndfile would leave a file of no bytes
            raise AudioError("too_short", "less than one sample long")
        return float(flac.frames / CANONICAL_RATE)


def resampled(chunks: Iterator[Chunk]) -> Iterator[NDArray[np.float32]]:
    """Chunks at `CANONICAL_RATE`. A stream may change its rate on the way (chained Ogg, radio)."""
    rate, stream = 0, None
    for chunk in chunks:
        if chunk.sample_rate != rate:
            yield from _rest(stream)
            rate = chunk.sample_rate
            stream = None if rate == CANONICAL_RATE else _resampler(rate)
        yield chunk.samples if stream is None else stream.resample_chunk(chunk.samples)
    yield from _rest(stream)


def _resampler(rate: int) -> soxr.ResampleStream:
    return soxr.ResampleStream(rate, CANONICAL_RATE, 1, dtype="float32", quality="HQ")


def _rest(stream: soxr.ResampleStream | None) -> Iterator[NDArray[np.float32]]:
    if stream is not None:
        yield stream.resample_chunk(np.empty(0, np.float32), last=True)
