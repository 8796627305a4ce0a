"""Decoding in bounded memory: a file's audio as short mono chunks at its own sample rate."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame, format_dtypes
from numpy.typing import NDArray

from soundalike.audio.identity import StreamHasher
from soundalike.audio.losses import Losses
from soundalike.audio.stream import (
    EXACT_LENGTH,
    RAW_STREAMS,
    OpenAudio,
    ProgressCallback,
    facts_of,
    ignore_progress,
    open_audio,
)
from soundalike.errors import AudioError

MISSING_SECONDS = 1.0  # a smaller loss counts as none: durations are rounded
DTYPES = {**format_dtypes, "s64": "i8", "s64p": "i8"}  # missing from PyAV's table
MAX_SECONDS = 24 * 3600  # a file that decodes to more is not a track, or is a decompression bomb


@dataclass(frozen=True)
class Chunk:
    """About a second of mono audio: float32 [n], nominally -1..1, at `sample_rate` (Hz)."""

    samples: NDArray[np.float32]
    sample_rate: int


class Decoded:
    """A file's audio in order, channels averaged: an iterable of `Chunk`, to be read once.

    A packet that does not decode is skipped, as players do. The losses are known at the end:
    `seconds` that decoded, and their `share` of what there should have been.
    """

    def __init__(
        self,
        path: Path,
        track_id: str,
        on_progress: ProgressCallback = ignore_progress,
        max_seconds: float | None = None,
    ) -> None:
        self.seconds = 0.0
        self._max_seconds = max_seconds or MAX_SECONDS
        self._losses = Losses()
        self._lost = 0.0
        self._path, self._track_id, self._on_progress = path, track_id, on_progress

    @property
    def share(self) -> float:
        """The share that decoded, 0.5 to 1: decoded / (decoded + lost).

        1 where less than MISSING_SECONDS were lost.
        """
        return self.seconds / (self.seconds + self._lost) if self._lost else 1.0

    def __iter__(self) -> Iterator[Chunk]:
        """Decode the file and yield its chunks. Raises AudioError, see `decode`."""
        with open_audio(self._path) as audio:
            hasher = StreamHasher(audio.stream)
            self._refuse_longer(_exact_seconds(audio) or 0)
            for chunk in _joined(self._frames(audio, hasher)):
                self.seconds += len(chunk.samples) / chunk.sample_rate
                self._refuse_longer(self.seconds)
                yield chunk
            if hasher.track_id() != self._track_id:
                raise AudioError(
                    "changed", "the file changed meanwhile; the next scan takes it again"
                )
            self._record_losses(audio)

    def _refuse_longer(self, seconds: float) -> None:
        if seconds > self._max_seconds:
            hours = self._max_seconds / 3600
            raise AudioError("too_long", f"more than {hours:g} hours long")

    def _frames(self, audio: OpenAudio, hasher: StreamHasher) -> Iterator[AudioFrame]:
        for packet in audio.packets(self._on_progress):
            hasher.add(packet)
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                if isinstance(error, MemoryError):
                    raise
                self._losses.broken(packet, audio.stream)
                continue
            self._losses.decoded(packet, audio.stream)
            yield from (f for f in frames if isinstance(f, AudioFrame) and f.samples)

    def _record_losses(self, audio: OpenAudio) -> None:
        """Record what was lost, and refuse a file that lost more than it kept."""
        if not self.seconds:
            codec = audio.stream.codec_context.name
            raise AudioError("no_audio", f"nothing in the file's {codec} stream decodes")
        broken = self._losses.seconds(framed=audio.container.format.name not in RAW_STREAMS)
        # what is broken in the middle is part of what is missing
        missing = (_exact_seconds(audio) or 0) - self.seconds
        lost = max(missing, broken)
        if lost < MISSING_SECONDS:
            return
        self._lost = lost
        if self.seconds < lost:
            code = "truncated" if missing > broken else "undecodable"
            whole = self.seconds + lost
            raise AudioError(code, f"only {self.seconds:.1f} s of its {whole:.1f} s decode")


def decode(
    path: Path,
    track_id: str,
    on_progress: ProgressCallback = ignore_progress,
    max_seconds: float | None = None,
) -> Decoded:
    """The file's audio, decoded as it is iterated over: chunks of float32 [n], n of about a second.

    `on_progress` is called on the way. `max_seconds`: the longest audio allowed; None: MAX_SECONDS.

    Iterating raises AudioError: as `open_audio` does; `endless`; `too_long`; and at the end
    `changed` if the file's audio is not that of `track_id` any more; `no_audio` if nothing decodes;
    and where more than half is lost, `truncated` if it ends early, `undecodable` if it is broken.
    """
    return Decoded(path, track_id, on_progress, max_seconds)


def _exact_seconds(audio: OpenAudio) -> float | None:
    """The length in seconds that the container states; None if it states none reliably."""
    facts = facts_of(audio.container, audio.stream)
    reliable = facts.container in EXACT_LENGTH or audio.broke_off
    return facts.duration if reliable else None


def _joined(frames: Iterator[AudioFrame]) -> Iterator[Chunk]:
    """Join frames of 20 ms to chunks of a second: every later step has a cost per call.

    Only frames of the same rate, type and channels are joined; a stream may change any of them.
    """
    for (rate, kind, channels), alike in groupby(frames, key=_shape):
        pending: list[list[NDArray[Any]]] = []
        pending_samples = 0
        for frame in alike:
            pending.append(_planes(frame, kind, channels))
            pending_samples += frame.samples
            if pending_samples >= rate:
                yield Chunk(_mono(_channels_first(pending, channels)), rate)
                pending, pending_samples = [], 0
        if pending:
            yield Chunk(_mono(_channels_first(pending, channels)), rate)


def _shape(frame: AudioFrame) -> tuple[int, str, int]:
    return frame.sample_rate, frame.format.name, frame.layout.nb_channels


def _planes(frame: AudioFrame, kind: str, channels: int) -> list[NDArray[Any]]:
    """A frame's samples, not copied: an array per channel, or one with the channels interleaved."""
    # PyAV lists one plane too many for 8 channels: reading it crashes the process.
    planes = frame.planes[: channels if frame.format.is_planar else 1]
    count = frame.samples * channels // len(planes)  # a plane may be longer than its samples
    return [np.frombuffer(memoryview(plane), DTYPES[kind], count) for plane in planes]


def _channels_first(frames: list[list[NDArray[Any]]], channels: int) -> list[NDArray[Any]]:
    """The frames' samples joined: [channels][n], of their own sample type."""
    planes = [np.concatenate(parts) for parts in zip(*frames, strict=True)]
    return planes if len(planes) == channels else list(planes[0].reshape(-1, channels).T)


def _mono(channels: list[NDArray[Any]]) -> NDArray[np.float32]:
    """Average [channels][n] of any sample type to float32 [n], full scale being 1."""
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
