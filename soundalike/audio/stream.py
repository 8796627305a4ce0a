"""Opening a media file safely: FFmpeg gets an open file and can open nothing else."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from soundalike.audio.box_sizes import sizes_without_index
from soundalike.audio.media_file import MediaFile, open_media
from soundalike.audio.ogg import followed_links, is_ogg
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
MAX_SECONDS = 24 * 3600  # a file that decodes to more is not a track, or is a decompression bomb
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
    """An open container and its best audio stream, or several in turn.

    Most files are one container. A chained Ogg is as many as FFmpeg needs to follow its links, the
    further ones of which are `links`: `container` and `stream` are those of the packet that came
    last, `facts` those of the first. `size`: of the whole file, in bytes.

    `broke_off` becomes true if FFmpeg could not read a container to its end. `unread`: bytes of
    the links that it could not open.
    """

    container: InputContainer
    stream: AudioStream
    file: MediaFile
    size: int
    links: Iterator[MediaFile] = field(default_factory=lambda: iter(()))
    broke_off: bool = False
    unread: int = 0

    def __post_init__(self) -> None:
        """Begin to demux."""
        self._demuxer = self.container.demux(self.stream)

    @cached_property
    def facts(self) -> StreamFacts:
        """The facts that the container states; the duration is that of the links so far."""
        return facts_of(self.container, self.stream)

    def close(self) -> None:
        """Close the container."""
        self.container.close()

    def packets(
        self, on_progress: ProgressCallback = ignore_progress
    ) -> "Iterator[Packet[AudioStream]]":
        """Yield the stream's packets in file order, as far as the containers can be read.

        Raises AudioError("endless") if there are far more of them than the file has bytes for,
        FFmpeg's own error if not even the first can be read, and the OSError of a failed read.
        """
        left = MAX_EXPANSION * self.size + SPARE_PACKET_BYTES
        begun = False
        while (packet := self._next(begun)) is not None:
            begun = True
            left -= packet.size + 1
            if left < 0:
                raise AudioError("endless", "its container repeats itself without end")
            if packet.size:
                on_progress()
            yield packet
        self.file.check()

    def _next(self, begun: bool) -> "Packet[AudioStream] | None":
        try:
            while (packet := self._next_known()) is None and self._open_next():
                pass
        except av.FFmpegError as error:
            if isinstance(error, MemoryError) or not begun:
                raise
            self.broke_off = True
            return None
        return packet

    def _next_known(self) -> "Packet[AudioStream] | None":
        """The next packet; PyAV fails on those of a stream that began after the file was opened."""
        while True:
            try:
                return next(self._demuxer, None)
            except IndexError:
                self._demuxer = self.container.demux(self.stream)

    def _open_next(self) -> bool:
        """Go on with the next link that can be opened; false if none is left."""
        for link in self.links:
            first = self.facts
            try:
                container, stream = _opened(link)
            except (av.FFmpegError, AudioError) as error:
                if isinstance(error, MemoryError):
                    raise
                self.unread += link.size
                continue
            self.container.close()
            self.container, self.stream = container, stream
            self._demuxer = container.demux(stream)
            seconds = facts_of(container, stream).duration
            known = first.duration is not None and seconds is not None
            total = (first.duration or 0) + (seconds or 0) if known else None
            self.facts = replace(first, duration=total)
            return True
        return False


@contextmanager
def open_audio(path: Path) -> Iterator[OpenAudio]:
    """Open the file's container and its best audio stream.

    Raises AudioError: empty, vanished, unreadable, not_audio, truncated, no_audio, no_decoder,
    odd_rate or odd_layout.
    """
    with open_media(path) as media:
        try:
            links = iter(followed_links(media) if is_ogg(media) else [media])
            audio = OpenAudio(*_opened(next(links)), media, media.size, links)
            try:
                yield audio
            finally:
                audio.close()
        except MemoryError:  # FFmpeg's MemoryError is an FFmpegError too
            raise
        except av.FFmpegError as error:  # here, as some FFmpegErrors are OSErrors too
            raise _refusal(media, error) from error


def _refusal(media: MediaFile, error: av.FFmpegError) -> AudioError:
    sizes = sizes_without_index(media)
    if sizes and sizes.present < sizes.promised:
        there, all_of_it = (number / 1000 for number in (sizes.present, sizes.promised))
        return AudioError(
            "truncated", f"only {there:.0f} kB of its {all_of_it:.0f} kB are there, not its index"
        )
    return AudioError("not_audio", f"not audio that FFmpeg can read ({error.strerror})")


def _opened(media: MediaFile) -> tuple[InputContainer, AudioStream]:
    media.seek(0)  # the links of a file share its position
    container = av.open(media, "r", options=NOTHING_ELSE, metadata_errors="surrogateescape")
    try:
        media.check()
        return container, _best_audio(container)
    except BaseException:
        container.close()
        raise


def _best_audio(container: InputContainer) -> AudioStream:
    stream = container.streams.best("audio")
    if isinstance(stream, AudioStream) and stream.codec_context is None:
        raise AudioError("no_decoder", "FFmpeg has no decoder for the file's audio")
    if not isinstance(stream, AudioStream) or not stream.sample_rate or not stream.channels:
        raise AudioError("no_audio", "the file holds no audio stream")
    require_possible(stream.sample_rate, stream.channels)
    # Decoding processes may start no thread, without which FFmpeg loses parts of WavPack.
    stream.codec_context.thread_count = 1
    return stream


def require_possible(sample_rate: int, channels: int) -> None:
    """Require what music can have. Raises AudioError: odd_rate or odd_layout."""
    if not MIN_RATE <= sample_rate <= MAX_RATE:
        raise AudioError("odd_rate", f"its header says {sample_rate} Hz, which no music has")
    if channels > MAX_CHANNELS:
        raise AudioError("odd_layout", f"its header says {channels} channels")


def require_length(seconds: float, max_seconds: float = MAX_SECONDS) -> None:
    """Require no more audio than is allowed. Raises AudioError("too_long")."""
    if seconds > max_seconds:
        raise AudioError("too_long", f"more than {max_seconds / 3600:g} hours long")


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
