"""The second decoder, libsndfile, for what FFmpeg refuses: no decoder knows every valid file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundalike.audio.media_file import MediaFile, open_media
from soundalike.audio.stream import (
    MAX_EXPANSION,
    SPARE_PACKET_BYTES,
    StreamFacts,
    require_length,
    require_possible,
)
from soundalike.errors import AudioError

# Those of FFmpeg's refusals that another decoder may know better.
REFUSALS = frozenset({"not_audio", "no_audio", "no_decoder"})
# MPEG audio is FFmpeg's: libsndfile finds some in noise. The last two do not say their rate.
LEFT_OUT = frozenset({"MP3", "RAW", "SD2"})
FLOATING = frozenset({"FLOAT", "DOUBLE"})  # encodings
MAX_BLOCK_SAMPLES = 2**18
MAX_FRAMES = 2**48  # who claims more does not know


class _ReadInOrder(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is not sought in: what an Ogg says of its positions may be wrong."""

    def seekable(self) -> bool:
        """Say no, as soundfile would seek after each read."""
        return False


@dataclass(frozen=True)
class SndfileAudio:
    """A file that libsndfile has opened. `subtype`: its name of the encoding."""

    facts: StreamFacts
    subtype: str
    media: MediaFile
    _file: soundfile.SoundFile

    def blocks(self, dtype: str = "float32") -> Iterator[NDArray[np.float32]]:
        """Yield the samples, [n, channels] of `dtype`, about a second each; float32 is -1..1.

        Raises AudioError("endless") if there are far more of them than the file has bytes for.
        """
        rate, channels = self.facts.sample_rate, self.facts.channels
        left = MAX_EXPANSION * self.media.size + SPARE_PACKET_BYTES
        seconds = 0.0
        frames = max(1, min(rate, MAX_BLOCK_SAMPLES // channels))
        while len(block := self._read(frames, dtype)):
            left -= block.size
            if left < 0 and self.facts.container != "ogg":
                raise AudioError("endless", "its container repeats itself without end")
            seconds += len(block) / rate
            require_length(seconds)
            yield block
        self.media.check()

    def _read(self, frames: int, dtype: str) -> NDArray[np.float32]:
        out = np.empty((frames, self.facts.channels), dtype)
        try:
            read: NDArray[np.float32] = self._file.read(out=out)
        except soundfile.LibsndfileError:  # it is broken from here on
            return out[:0]
        return read


@contextmanager
def open_sndfile(path: Path, refusal: AudioError) -> Iterator[SndfileAudio]:
    """Open the file. Raises `refusal`, which is FFmpeg's, if libsndfile refuses it too.

    Raises AudioError as `open_media` does, odd_rate or odd_layout.
    """
    with open_media(path) as media:
        unnamed = SimpleNamespace(read=media.read, seek=media.seek, tell=media.tell)
        try:
            file = _ReadInOrder(unnamed)
        except soundfile.LibsndfileError:
            media.check()
            raise refusal from None
        with file:
            if file.format in LEFT_OUT:
                raise refusal
            require_possible(file.samplerate, file.channels)
            yield SndfileAudio(_facts(file), file.subtype, media, file)


def _facts(file: soundfile.SoundFile) -> StreamFacts:
    known = 0 < file.frames < MAX_FRAMES
    return StreamFacts(
        container=file.format.lower(),
        codec=file.subtype.lower(),
        sample_rate=file.samplerate,
        channels=file.channels,
        duration=file.frames / file.samplerate if known else None,
    )
