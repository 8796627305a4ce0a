"""Decoding in bounded memory: a file's audio as a run of short mono chunks at its own rate."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from soundalike.audio.identity import StreamHasher
from soundalike.audio.stream import EXACT_LENGTH, StreamFacts, facts_of, open_audio
from soundalike.errors import AudioError

MISSING_SECONDS = 1.0  # a stream that ends this much before its header says is truncated


@dataclass(frozen=True)
class Chunk:
    """Some milliseconds of mono audio: float32 [n], nominally -1..1, at `sample_rate` (Hz)."""

    samples: NDArray[np.float32]
    sample_rate: int


def decode(path: Path, track_id: str) -> Iterator[Chunk]:
    """Yield the file's audio in order, channels averaged.

    A packet that does not decode is skipped, as players do. Raises AudioError: as `open_audio`
    does; `changed` at the end if the file's audio is not that of `track_id` any more; `truncated`
    if it ends well before its header says; `no_audio` if nothing decodes.
    """
    with open_audio(path) as (container, stream):
        hasher = StreamHasher(stream)
        seconds = 0.0
        for packet in container.demux(stream):
            hasher.add(packet)
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                continue
            for frame in frames:
                if isinstance(frame, AudioFrame) and frame.samples:
                    seconds += frame.samples / frame.sample_rate
                    yield Chunk(_mono(frame), frame.sample_rate)
        if hasher.track_id() != track_id:
            raise AudioError("changed", "the file changed meanwhile; the next scan takes it again")
        _refuse_missing(seconds, facts_of(container, stream))


def _refuse_missing(seconds: float, facts: StreamFacts) -> None:
    if not seconds:
        raise AudioError("no_audio", f"nothing in the file's {facts.codec} stream decodes")
    if facts.container not in EXACT_LENGTH or facts.duration is None:
        return
    if seconds < facts.duration - MISSING_SECONDS:
        raise AudioError(
            "truncated", f"only {seconds:.1f} s of the {facts.duration:.1f} s in its header decode"
        )


def _mono(frame: AudioFrame) -> NDArray[np.float32]:
    """[channels, n] or interleaved [1, n * channels], any sample type, to float32 [n]."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    scaled: NDArray[np.float32] = samples.astype(np.float32)
    if samples.dtype == np.uint8:
        scaled /= 128
        scaled -= 1
    elif np.issubdtype(samples.dtype, np.integer):
        scaled *= 2.0 ** (1 - 8 * samples.dtype.itemsize)
    mono: NDArray[np.float32] = scaled.mean(axis=0, dtype=np.float32)
    return np.nan_to_num(mono, copy=False, posinf=1.0, neginf=-1.0)
