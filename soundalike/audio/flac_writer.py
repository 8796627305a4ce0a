"""Writing a FLAC so that a full disk is told apart from audio that cannot be encoded."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import soundfile


class _Remembering:
    """A file for libsndfile to write through, which remembers the system's first error."""

    def __init__(self, file: FileIO) -> None:
        self.error: OSError | None = None
        self.read, self.readinto = file.read, file.readinto
        self.seek, self.tell = file.seek, file.tell
        self._file = file

    def write(self, data: bytes) -> int:
        """As a file's, but always all of it; 0 after an error, which libsndfile takes for one."""
        left = memoryview(data)
        try:
            while left and not self.error:  # a disk that is nearly full takes a part
                left = left[self._file.write(left) :]
        except OSError as error:
            self.error = error
        return 0 if self.error else len(data)


@contextmanager
def flac_writer(path: Path, rate: int) -> Iterator[soundfile.SoundFile]:
    """A 16 bit mono FLAC to write to. Raises OSError, with its errno, if the system refuses.

    libsndfile itself says only "System error".
    """
    with FileIO(path, "wb+") as file:
        through = _Remembering(file)
        try:
            with soundfile.SoundFile(
                through, "w", rate, channels=1, format="FLAC", subtype="PCM_16"
            ) as flac:
                yield flac
        finally:
            if through.error:
                raise through.error
