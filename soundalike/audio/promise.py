"""Promises: how much audio a file's own header says there is, to be held against what decodes.

Only what is exact counts. A size that a writer did not know, because it wrote into a pipe, promises
nothing, nor does an MP3 of variable bit rate without a count of its frames.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from av.container import InputContainer
from av.stream import Disposition

from soundalike.audio.asf_header import play_seconds
from soundalike.audio.box_sizes import matroska_sizes, trailing_zeros
from soundalike.audio.chunk_sizes import (
    Sizes,
    aiff_sizes,
    au_sizes,
    caf_sizes,
    dff_sizes,
    dsf_sizes,
    riff_sizes,
    w64_sizes,
)
from soundalike.audio.media_file import MediaFile
from soundalike.audio.xing import frames_seconds

# Containers whose header states the exact length of the stream, as FFmpeg reads it.
EXACT_LENGTH = frozenset({"flac", "wav", "mov,mp4,m4a,3gp,3g2,mj2", "caf", "wv", "tta", "ape"})
# Containers that state the length of all streams together: exact where there is one.
EXACT_FOR_ONE = frozenset({"matroska,webm", "asf"})
SIZES: Mapping[str, Callable[[MediaFile], Sizes | None]] = {
    "wav": riff_sizes,
    "avi": riff_sizes,
    "w64": w64_sizes,
    "aiff": aiff_sizes,
    "au": au_sizes,
    "caf": caf_sizes,
    "dsf": dsf_sizes,
    "iff": dff_sizes,
    "matroska,webm": matroska_sizes,
}
# Compressed audio without a size of its own: zeros at its end are what was never downloaded.
NEVER_ZERO = frozenset({"mp3", "aac", "ac3", "eac3", "dts", "ogg"})
MIN_ZERO_SHARE = 0.1  # of the file; less may be padding


@dataclass(frozen=True)
class Promise:
    """A promised length in `seconds`, 0 if none; and the share of the audio's bytes `present`."""

    seconds: float
    present: float

    def missing(self, decoded: float) -> float:
        """The seconds that are missing where `decoded` seconds decoded."""
        by_size = decoded * (1 / self.present - 1) if self.present else 0.0
        return max(0.0, self.seconds - decoded, by_size)


def promise_of(media: MediaFile, container: InputContainer, duration: float | None) -> Promise:
    """The promise of the file's headers; `duration` is FFmpeg's, of the stream."""
    position = media.tell()
    try:
        name = container.format.name
        zeros = trailing_zeros(media) if name in NEVER_ZERO else 0
        sizes = SIZES[name](media) if name in SIZES else None
        if zeros >= MIN_ZERO_SHARE * media.size:
            sizes = Sizes(media.size, media.size - zeros)
        present = sizes.present / sizes.promised if sizes else 1.0
        seconds = _seconds(media, container, duration, media.size - zeros)
        return Promise(seconds or 0.0, min(1.0, max(0.0, present)))
    finally:
        media.seek(position)  # FFmpeg reads on from there


def _seconds(
    media: MediaFile, container: InputContainer, duration: float | None, present: int
) -> float | None:
    """The length in seconds that the headers state; `present`: the bytes that are no padding."""
    name = container.format.name
    if name in EXACT_LENGTH:
        return duration
    if name == "mp3":
        return frames_seconds(media, present)
    if name in EXACT_FOR_ONE and _has_one_stream(container):
        return play_seconds(media) if name == "asf" else duration
    return None


def _has_one_stream(container: InputContainer) -> bool:
    """Tell whether the container has audio only: cover art apart."""
    streams = (*container.streams.audio, *container.streams.video)
    return sum(not stream.disposition & Disposition.attached_pic for stream in streams) == 1
