"""Opening a media file safely: FFmpeg gets an open file and nothing else it could follow."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

from soundalike.errors import AudioError

# FFmpeg may open further files or URLs that a playlist names; with no protocol allowed it cannot.
NOTHING_ELSE = {"protocol_whitelist": "none"}
# A rate outside of these is a broken header, and would blow a small file up to fill the disk.
LOWEST_RATE, HIGHEST_RATE = 4_000, 768_000
# Containers whose header states the exact length; elsewhere a duration may be an estimate.
EXACT_LENGTH = frozenset({"flac", "wav", "w64", "aiff", "mov,mp4,m4a,3gp,3g2,mj2"})


@dataclass(frozen=True)
class StreamFacts:
    """What the container says of its audio stream; `duration` in seconds, None if it says none."""

    container: str
    codec: str
    sample_rate: int
    channels: int
    duration: float | None


@contextmanager
def open_audio(path: Path) -> Iterator[tuple[InputContainer, AudioStream]]:
    """The file's container and best audio stream.

    Raises AudioError: empty, vanished, unreadable, not_audio, no_audio or odd_rate.
    """
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise AudioError("empty", "the file is empty (0 bytes)")
            file.seek(0)
            with av.open(file, "r", options=NOTHING_ELSE, metadata_errors="replace") as container:
                yield container, _best_audio(container)
    except av.FFmpegError as error:  # first: some of its kinds are OSErrors too
        raise AudioError(
            "not_audio", f"not audio that FFmpeg can read ({error.strerror})"
        ) from error
    except FileNotFoundError as error:
        raise AudioError("vanished", "the file was gone when it was about to be read") from error
    except PermissionError as error:
        raise AudioError("unreadable", "no permission to read the file") from error
    except OSError as error:
        raise AudioError("unreadable", f"reading the file failed ({error.strerror})") from error


def _best_audio(container: InputContainer) -> AudioStream:
    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream) or not stream.sample_rate or not stream.channels:
        raise AudioError("no_audio", "the file holds no audio stream")
    if not LOWEST_RATE <= stream.sample_rate <= HIGHEST_RATE:
        raise AudioError("odd_rate", f"its header says {stream.sample_rate} Hz, which no music has")
    return stream


def facts_of(container: InputContainer, stream: AudioStream) -> StreamFacts:
    """Codec, rate, channels and claimed duration of `stream`."""
    duration = None
    if stream.duration is not None and stream.time_base is not None:
        duration = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        duration = container.duration / av.time_base
    return StreamFacts(
        container=container.format.name,
        codec=stream.codec_context.name,
        sample_rate=stream.sample_rate,
        channels=stream.channels,
        duration=duration,
    )
