"""FLAC writing that tells a full disk from audio that cannot be encoded."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

FULL_SCALE = 2**15  # of 16 bits


class _ErrorRecorder:
    """A file for libsndfile to write through, which keeps the system's first error."""

    def __init__(self, file: FileIO) -> None:
        self.error: OSError | None = None
        self.read, self.readinto = file.read, file.readinto
        self.seek, self.tell = file.seek, file.tell
        self._file = file

    def write(self, data: bytes) -> int:
        """Write all of `data` and return its length.

        After an error return 0, which libsndfile takes for one.
        """
        left = memoryview(data)
        try:
            while left and not self.error:  # a nearly full disk takes only a part
                left = left[self._file.write(left) :]
        except OSError as error:
            self.error = error
        return 0 if self.error else len(data)


@contextmanager
def flac_writer(path: Path, rate: int) -> Iterator[soundfile.SoundFile]:
    """Open a 16-bit mono FLAC of `rate` Hz for writing.

    Raises OSError, with its errno, if the system refuses a write; libsndfile itself says only
    "System error".
    """
    with FileIO(path, "wb+") as file:
        recorder = _ErrorRecorder(file)
        try:
            with soundfile.SoundFile(
                recorder, "w", rate, channels=1, format="FLAC", subtype="PCM_16"
            ) as flac:
                yield flac
        finally:
            if recorder.error:
                raise recorder.error


def as_16_bit(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Round float32 [n] of -1..1 to 16 bits, and clip what is louder.

    libsndfile makes the same samples of it, and takes three times as long.
    """
    scaled: NDArray[np.float32] = np.rint(samples * np.float32(FULL_SCALE))
    np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1, out=scaled)
    return scaled.astype(np.int16)
