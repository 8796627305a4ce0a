"""The canonical audio of a track: 44 100 Hz mono FLAC, 16 bit, written while it is decoded."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from mutagen import MutagenError
from mutagen.flac import FLAC
from numpy.typing import NDArray

from soundalike.audio.decode import Chunk, Decoded, decode
from soundalike.audio.flac_writer import as_16_bit, flac_writer
from soundalike.audio.mixdown import SILENCE
from soundalike.audio.stream import ProgressCallback, ignore_progress
from soundalike.errors import AudioError
from soundalike.storage.atomic import atomic_file

CANONICAL_RATE = 44_100
# In the FLAC's comment, where some of the track was lost or all of it is quiet.
SHARE, PEAK = "decoded_share=", "peak="


@dataclass(frozen=True)
class Canonical:
    """A canonical FLAC: its length in seconds, and the share (0.5 to 1) of the track that decoded.

    The share is 1 where less than a second was lost.
    """

    seconds: float
    decoded_share: float


def write_canonical(source: Path, track_id: str, target: Path) -> Canonical:
    """Decode `source`, resample, and publish `target`, whole or not at all, in this process.

    Raises AudioError and OSError as `write_flac` does.
    """
    with atomic_file(target) as temporary:
        return write_flac(source, track_id, temporary)


def write_flac(
    source: Path,
    track_id: str,
    target: Path,
    on_progress: ProgressCallback = ignore_progress,
    max_seconds: float | None = None,
) -> Canonical:
    """Decode `source` and resample it into `target`. Memory is bounded whatever its length.

    `max_seconds`: the longest audio allowed, as for `decode`. Raises AudioError as `decode` does,
    or `too_short` for less than a sample; OSError if `target` cannot be written.
    """
    audio = decode(source, track_id, on_progress, max_seconds)
    seconds = _write(audio, target)
    if (channel := audio.mixdown.audible_channel) is not None:
        audio = decode(source, track_id, on_progress, max_seconds, channel)
        seconds = _write(audio, target)
    peak = audio.mixdown.peak
    if (
        audio.share < 1 or peak <= SILENCE
    ):  # known only now; libsndfile writes comments at the start
        _note(target, f"{SHARE}{audio.share!r} {PEAK}{peak!r}")
    return Canonical(seconds, audio.share)


def _write(audio: Decoded, target: Path) -> float:
    """Write the FLAC and return its length in seconds."""
    with flac_writer(target, CANONICAL_RATE) as flac:
        for samples in resampled(audio):
            flac.write(as_16_bit(samples))
        if not flac.frames:  # libsndfile would leave a file of no bytes
            raise AudioError("too_short", "less than one sample long")
        return int(flac.frames) / CANONICAL_RATE


def _note(flac: Path, comment: str) -> None:
    """Write the FLAC's comment. Raises the OSError of a full disk, unwrapped."""
    try:
        tags = FLAC(flac)  # type: ignore[no-untyped-call]
        tags["comment"] = comment
        tags.save()
    except MutagenError as error:
        if error.args and isinstance(error.args[0], OSError):
            raise error.args[0] from error
        raise


def canonical_facts(flac: Path) -> Canonical:
    """Read back what `write_flac` returned for this FLAC: its header, and that its end is there.

    Raises LibsndfileError if it is missing or damaged.
    """
    with soundfile.SoundFile(flac) as file:
        file.seek(file.frames - 1)
        if not len(file.read(1)):
            raise soundfile.LibsndfileError(0, "its end is missing: ")
        return Canonical(file.frames / CANONICAL_RATE, noted(file, SHARE) or 1.0)


def noted(file: soundfile.SoundFile, name: str) -> float | None:
    """A number in a canonical FLAC's comment: SHARE, or PEAK; None if it is not there."""
    for word in file.comment.split():
        if word.startswith(name):
            return float(word.removeprefix(name))
    return None


def resampled(chunks: Iterable[Chunk]) -> Iterator[NDArray[np.float32]]:
    """Resample chunks to float32 [n] at `CANONICAL_RATE`, nominally -1..1.

    A stream may change its rate on the way (chained Ogg, radio).
    """
    rate, stream = 0, None
    for chunk in chunks:
        if chunk.sample_rate != rate:
            yield from _flush(stream)
            rate = chunk.sample_rate
            stream = None if rate == CANONICAL_RATE else _resampler(rate)
        yield chunk.samples if stream is None else stream.resample_chunk(chunk.samples)
    yield from _flush(stream)


def _resampler(rate: int) -> soxr.ResampleStream:
    return soxr.ResampleStream(rate, CANONICAL_RATE, 1, dtype="float32", quality="HQ")


def _flush(stream: soxr.ResampleStream | None) -> Iterator[NDArray[np.float32]]:
    if stream is not None:
        yield stream.resample_chunk(np.empty(0, np.float32), last=True)
