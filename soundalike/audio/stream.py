"""Opening a media file safely: FFmpeg gets an open file and can open nothing else."""

import math
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from soundalike.audio.trailing import MediaFile, without_trailing_tags
from soundalike.errors import AudioError

# FFmpeg may open further files or URLs that a playlist names; with no protocol allowed it cannot.
NOTHING_ELSE = {"protocol_whitelist": "none"}
# A rate outside of these is a broken header, and could expand a small file until the disk is full.
MIN_RATE, MAX_RATE = 4_000, 768_000
MAX_CHANNELS = 64  # seventh-order ambisonics; a header that says more is broken
# A container's packets hold at most this many bytes for each of the file's, unless it makes FFmpeg
# read the same ones over and over. Above 1 because Matroska tracks may be compressed.
MAX_EXPANSION = 16
SPARE_PACKET_BYTES = 2**20
# Containers whose header states the exact length; elsewhere a duration may be an estimate.
EXACT_LENGTH = frozenset(
    {"flac", "wav", "w64", "aiff", "mov,mp4,m4a,3gp,3g2,mj2", "caf", "wv", "tta", "ape"}
)
# Streams without a container: what follows their last good packet may be anything but audio.
RAW_STREAMS = frozenset({"mp3", "aac", "ac3", "eac3", "dts"})

ProgressCallback = Callable[[], None]  # called whenever some more audio was read or decoded


def ignore_progress() -> None:
    """Do nothing: the default callback."""


@dataclass(frozen=True)
class StreamFacts:
    """The facts that a container states about its audio stream.

    `sample_rate` in Hz; `duration` in seconds, None if it states none.
    """

    container: str
    codec: str
    sample_rate: int
    channels: int
    duration: float | None


@dataclass
class OpenAudio:
    """An open container and its best audio stream; `size` of the file in bytes.

    `broke_off` becomes true if FFmpeg could not read the container to its end.
    """

    container: InputContainer
    stream: AudioStream
    file: MediaFile
    size: int
    broke_off: bool = False

    def packets(
        self, on_progress: ProgressCallback = ignore_progress
    ) -> "Iterator[Packet[AudioStream]]":
        """Yield the stream's packets in file order, as far as the container can be read.

        Raises AudioError("endless") if there are far more of them than the file has bytes for,
        FFmpeg's own error if not even the first can be read, and the OSError of a failed read.
        """
        left = MAX_EXPANSION * self.size + SPARE_PACKET_BYTES
        packets = self.container.demux(self.stream)
        begun = False
        while (packet := self._next(packets, begun)) is not None:
            begun = True
            left -= packet.size + 1
            if left < 0:
                raise AudioError("endless", "its container repeats itself without end")
            if packet.size:
                on_progress()
            yield packet
        self.file.check()

    def _next(
        self, packets: "Iterator[Packet[AudioStream]]", begun: bool
    ) -> "Packet[AudioStream] | None":
        try:
            return next(packets, None)
        except av.FFmpegError as error:
            if isinstance(error, MemoryError) or not begun:
                raise
            self.broke_off = True
            return None


@contextmanager
def open_audio(path: Path) -> Iterator[OpenAudio]:
    """Open the file's container and its best audio stream.

    Raises AudioError: empty, vanished, unreadable, not_audio, no_audio, no_decoder,
    odd_rate or odd_layout.
    """
    try:
        with _regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if not size:
                raise AudioError("empty", "the file is empty (0 bytes)")
            media = without_trailing_tags(file)
            with av.open(
                media, "r", options=NOTHING_ELSE, metadata_errors="surrogateescape"
            ) as container:
                media.check()
                yield OpenAudio(container, _best_audio(container), media, size)
    except MemoryError:  # FFmpeg's MemoryError is an FFmpegError too
        raise
    except av.FFmpegError as error:  # first: some FFmpegErrors are OSErrors too
        raise AudioError(
            "not_audio", f"not audio that FFmpeg can read ({error.strerror})"
        ) from error
    except FileNotFoundError as error:
        raise AudioError("vanished", "the file was gone when it was about to be read") from error
    except PermissionError as error:
        raise AudioError("unreadable", "no permission to read the file") from error
    except OSError as error:
        raise AudioError("unreadable", f"reading the file failed ({error.strerror})") from error


def _regular(path: Path) -> BinaryIO:
    if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its writer
        raise AudioError("unreadable", "it is not a regular file")
    return path.open("rb")


def _best_audio(container: InputContainer) -> AudioStream:
    stream = container.streams.best("audio")
    if isinstance(stream, AudioStream) and stream.codec_context is None:
        raise AudioError("no_decoder", "FFmpeg has no decoder for the file's audio")
    if not isinstance(stream, AudioStream) or not stream.sample_rate or not stream.channels:
        raise AudioError("no_audio", "the file holds no audio stream")
    if not MIN_RATE <= stream.sample_rate <= MAX_RATE:
        raise AudioError("odd_rate", f"its header says {stream.sample_rate} Hz, which no music has")
    if stream.channels > MAX_CHANNELS:
        raise AudioError("odd_layout", f"its header says {stream.channels} channels")
    return stream


def facts_of(container: InputContainer, stream: AudioStream) -> StreamFacts:
    """The facts that the container states about `stream`; an impossible duration reads as None."""
    duration = None
    if stream.duration is not None and stream.time_base is not None:
        duration = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        duration = container.duration / av.time_base
    if duration is not None and not (math.isfinite(duration) and duration >= 0):
        duration = None
    return StreamFacts(
        container=container.format.name,
        codec=stream.codec_context.name,
        sample_rate=stream.sample_rate,
        channels=stream.channels,
        duration=duration,
    )
