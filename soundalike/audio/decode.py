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

from soundalike.audio.identity import StreamHasher, identify
from soundalike.audio.losses import Losses
from soundalike.audio.mixdown import Mixdown
from soundalike.audio.promise import Promise, promise_of
from soundalike.audio.sndfile import REFUSALS, open_sndfile
from soundalike.audio.stream import (
    MAX_SECONDS,
    RAW_STREAMS,
    OpenAudio,
    ProgressCallback,
    ignore_progress,
    open_audio,
    require_length,
)
from soundalike.errors import AudioError

MISSING_SECONDS = 1.0  # a smaller loss counts as none: durations are rounded
DTYPES = {**format_dtypes, "s64": "i8", "s64p": "i8"}  # missing from PyAV's table


@dataclass(frozen=True)
class Chunk:
    """About a second of mono audio: float32 [n], nominally -1..1, at `sample_rate` (Hz)."""

    samples: NDArray[np.float32]
    sample_rate: int


class Decoded:
    """A file's audio in order, mixed to one channel: an iterable of `Chunk`, to be read once.

    A packet that does not decode is skipped, as players do. What it is like is known at the end:
    `seconds` that decoded, and their `share` of what there should have been; `mixdown`.
    """

    def __init__(
        self,
        path: Path,
        track_id: str,
        on_progress: ProgressCallback = ignore_progress,
        max_seconds: float | None = None,
        channel: int | None = None,
    ) -> None:
        self.seconds = 0.0
        self.mixdown = Mixdown(channel)
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
        try:
            yield from self._by_ffmpeg()
        except AudioError as error:
            if error.code not in REFUSALS or self.seconds:
                raise
            yield from self._by_libsndfile(error)

    def _by_ffmpeg(self) -> Iterator[Chunk]:
        with open_audio(self._path) as audio:
            hasher = StreamHasher(audio.stream)
            promise = promise_of(audio.file, audio.container, audio.facts.duration)
            require_length(promise.seconds, self._max_seconds)
            for rate, channels in _joined(self._frames(audio, hasher)):
                yield self._chunk(channels, rate)
            self._require(hasher.track_id())
            self._record_losses(audio, promise)

    def _by_libsndfile(self, refusal: AudioError) -> Iterator[Chunk]:
        with open_sndfile(self._path, refusal) as audio:
            for block in audio.blocks():
                self._on_progress()
                yield self._chunk(list(block.T), audio.facts.sample_rate)
            if not self.seconds:
                raise refusal
            # an Ogg's positions are why it is refused
            claimed = 0 if audio.facts.container == "ogg" else audio.facts.duration or 0
        self._require(identify(self._path, self._on_progress).track_id)
        self._record("truncated", claimed - self.seconds)

    def _chunk(self, channels: list[NDArray[Any]], rate: int) -> Chunk:
        samples = self.mixdown.mono(channels)
        self.seconds += len(samples) / rate
        require_length(self.seconds, self._max_seconds)
        return Chunk(samples, rate)

    def _require(self, track_id: str) -> None:
        if track_id != self._track_id:
            raise AudioError("changed", "the file changed meanwhile; the next scan takes it again")

    def _frames(self, audio: OpenAudio, hasher: StreamHasher) -> Iterator[AudioFrame]:
        for packet in audio.packets(self._on_progress):
            hasher.add(packet, audio.stream)
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                if isinstance(error, MemoryError):
                    raise
                self._losses.broken(packet, audio.stream)
                continue
            self._losses.decoded(packet, audio.stream)
            yield from (f for f in frames if isinstance(f, AudioFrame) and f.samples)

    def _record_losses(self, audio: OpenAudio, promise: Promise) -> None:
        if not self.seconds:
            raise AudioError(
                "no_audio", f"nothing in the file's {audio.facts.codec} stream decodes"
            )
        broken = self._losses.seconds(framed=audio.facts.container not in RAW_STREAMS)
        # what is broken in the middle is part of what is missing
        missing = max(promise.missing(self.seconds), self._unread_seconds(audio))
        if audio.broke_off:
            missing = max(missing, (audio.facts.duration or 0) - self.seconds)
        self._record("truncated" if missing > broken else "undecodable", max(missing, broken))

    def _unread_seconds(self, audio: OpenAudio) -> float:
        """The seconds in links of a chained Ogg that cannot be opened, by their size."""
        return self.seconds * audio.unread / max(1, audio.size - audio.unread)

    def _record(self, code: str, lost: float) -> None:
        """Record what was lost, and refuse a file that lost more than it kept."""
        if lost < MISSING_SECONDS:
            return
        self._lost = lost
        if self.seconds < lost:
            whole = self.seconds + lost
            raise AudioError(code, f"only {self.seconds:.1f} s of its {whole:.1f} s decode")


def decode(
    path: Path,
    track_id: str,
    on_progress: ProgressCallback = ignore_progress,
    max_seconds: float | None = None,
    channel: int | None = None,
) -> Decoded:
    """The file's audio, decoded as it is iterated over: chunks of float32 [n], n of about a second.

    `on_progress` is called on the way. `max_seconds`: the longest audio allowed; None: MAX_SECONDS.
    `channel`: the one to take, instead of the average of all.

    Iterating raises AudioError: as `open_audio` does, if libsndfile refuses the file too;
    `endless`; `too_long`; and at the end
    `changed` if the file's audio is not that of `track_id` any more; `no_audio` if nothing decodes;
    and where more than half is lost, `truncated` if it ends early, `undecodable` if it is broken.
    """
    return Decoded(path, track_id, on_progress, max_seconds, channel)


def _joined(frames: Iterator[AudioFrame]) -> Iterator[tuple[int, list[NDArray[Any]]]]:
    """Yield rate and [channels][n]: frames of 20 ms joined to a second.

    Every later step has a cost per call. Only frames of the same rate, type and channels are
    joined; a stream may change any of them.
    """
    for (rate, kind, channels), alike in groupby(frames, key=_shape):
        pending: list[list[NDArray[Any]]] = []
        pending_samples = 0
        for frame in alike:
            pending.append(_planes(frame, kind, channels))
            pending_samples += frame.samples
            if pending_samples >= rate:
                yield rate, _channels_first(pending, channels)
                pending, pending_samples = [], 0
        if pending:
            yield rate, _channels_first(pending, channels)


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
