"""Decoding in bounded memory: a file's audio as a run of short mono chunks at its own rate."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame, format_dtypes
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from soundalike.audio.identity import StreamHasher
from soundalike.audio.stream import EXACT_LENGTH, StreamFacts, facts_of, open_audio
from soundalike.errors import AudioError

MISSING_SECONDS = 1.0  # a stream that ends this much before its header says is truncated
LONGEST_SECONDS = 24 * 3600  # what decodes to more is no track, or a decompression bomb


@dataclass(frozen=True)
class Chunk:
    """About a second of mono audio: float32 [n], nominally -1..1, at `sample_rate` (Hz)."""

    samples: NDArray[np.float32]
    sample_rate: int


def decode(path: Path, track_id: str) -> Iterator[Chunk]:
    """Yield the file's audio in order, channels averaged.

    A packet that does not decode is skipped, as players do. Raises AudioError: as `open_audio`
    does; `changed` at the end if the file's audio is not that of `track_id` any more; `truncated`
    if it ends well before its header says; `too_long`; `no_audio` if nothing decodes.
    """
    with open_audio(path) as (container, stream):
        hasher = StreamHasher(stream)
        seconds = 0.0
        for chunk in _joined(_frames(container, stream, hasher)):
            seconds += len(chunk.samples) / chunk.sample_rate
            if seconds > LONGEST_SECONDS:
                raise AudioError("too_long", f"more than {LONGEST_SECONDS // 3600} hours long")
            yield chunk
        if hasher.track_id() != track_id:
            raise AudioError("changed", "the file changed meanwhile; the next scan takes it again")
        _refuse_missing(seconds, facts_of(container, stream))


def _frames(
    container: InputContainer, stream: AudioStream, hasher: StreamHasher
) -> Iterator[AudioFrame]:
    for packet in container.demux(stream):
        hasher.add(packet)
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            continue
        yield from (f for f in frames if isinstance(f, AudioFrame) and f.samples)


def _joined(frames: Iterator[AudioFrame]) -> Iterator[Chunk]:
    """Frames of 20 ms joined to chunks of a second: every step after this one costs per call.

    Only frames of the same rate, type and channels are joined; a stream may change any of them.
    """
    for (rate, kind, channels), alike in groupby(frames, key=_shape):
        pending: list[list[NDArray[Any]]] = []
        waiting = 0
        for frame in alike:
            pending.append(_planes(frame, kind, channels))
            waiting += frame.samples
            if waiting >= rate:
                yield Chunk(_mono(_channels_first(pending, channels)), rate)
                pending, waiting = [], 0
        if pending:
            yield Chunk(_mono(_channels_first(pending, channels)), rate)


def _shape(frame: AudioFrame) -> tuple[int, str, int]:
    return frame.sample_rate, frame.format.name, frame.layout.nb_channels


def _planes(frame: AudioFrame, kind: str, channels: int) -> list[NDArray[Any]]:
    """A frame's samples where they lie: an array a channel, or one with the channels in turns."""
    # PyAV lists one plane too many of 8 channels, and it is nowhere: reading it ends the process.
    planes = frame.planes[: channels if frame.format.is_planar else 1]
    count = frame.samples * channels // len(planes)  # a plane may be longer than its samples
    return [np.frombuffer(memoryview(plane), format_dtypes[kind], count) for plane in planes]


def _channels_first(frames: list[list[NDArray[Any]]], channels: int) -> list[NDArray[Any]]:
    """[channels][n], of whatever sample type."""
    planes = [np.concatenate(parts) for parts in zip(*frames, strict=True)]
    return planes if len(planes) == channels else list(planes[0].reshape(-1, channels).T)


def _refuse_missing(seconds: float, facts: StreamFacts) -> None:
    if not seconds:
        raise AudioError("no_audio", f"nothing in the file's {facts.codec} stream decodes")
    if facts.container not in EXACT_LENGTH or facts.duration is None:
        return
    if seconds < facts.duration - MISSING_SECONDS:
        raise AudioError(
            "truncated", f"only {seconds:.1f} s of the {facts.duration:.1f} s in its header decode"
        )


def _mono(channels: list[NDArray[Any]]) -> NDArray[np.float32]:
    """[channels][n] of any sample type to float32 [n], full scale being 1."""
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
