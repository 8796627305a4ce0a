"""The part of a file that is media: between the tags in front of it and those behind it."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL
from io import SEEK_END, SEEK_SET
from pathlib import Path
from typing import BinaryIO

from soundalike.audio.leading import start_of_media
from soundalike.audio.trailing import end_of_media
from soundalike.errors import AudioError

MAX_OFFSET = 2**42  # bytes; beyond 2**44, file systems refuse to seek


class MediaFile:
    """A part of an open file, for decoders to read as if it were a file of its own.

    FFmpeg may take a disk error for the end of the file, so `check` raises it again.
    """

    def __init__(
        self, file: BinaryIO, start: int, end: int, errors: list[OSError] | None = None
    ) -> None:
        self._file, self._start, self._end = file, start, end
        self._errors = [] if errors is None else errors  # shared by all parts of the file
        self.name = file.name  # where the first bytes are ambiguous, FFmpeg goes by the extension
        file.seek(start)

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self._end - self._start

    def part(self, start: int, end: int) -> "MediaFile":
        """The bytes from `start` to `end`, both counted from the start of this part."""
        return MediaFile(self._file, self._start + start, self._start + end, self._errors)

    def at(self, offset: int, length: int) -> bytes:
        """The `length` bytes at `offset`, or as many of them as there are."""
        self.seek(offset)
        return self.read(length)

    def tell(self) -> int:
        """The position, counted from the start of this part."""
        return self._file.tell() - self._start

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes, all that are left if it is negative.

        Raises OSError, and keeps it for `check`.
        """
        left = max(0, self._end - self._file.tell())
        try:
            return self._file.read(left if size < 0 else min(size, left))
        except OSError as error:
            self._errors.append(error)
            raise

    def check(self) -> None:
        """Raise again the first OSError that a read raised, if any."""
        if self._errors:
            raise self._errors[0]

    def seek(self, offset: int, whence: int = SEEK_SET, /) -> int:
        """Move as in any file; an offset that no file has returns FFmpeg's error, -EINVAL."""
        if whence == SEEK_END:
            offset, whence = self.size + offset, SEEK_SET
        if whence == SEEK_SET:
            if not 0 <= offset <= MAX_OFFSET:
                return -EINVAL
            offset += self._start
        return self._file.seek(offset, whence) - self._start


@contextmanager
def open_media(path: Path) -> Iterator[MediaFile]:
    """Open the file's media, whatever it is.

    Raises AudioError: empty, vanished, unreadable; an OSError of the block becomes one too.
    """
    try:
        with _regular(path) as file:
            if not os.fstat(file.fileno()).st_size:
                raise AudioError("empty", "the file is empty (0 bytes)")
            start = start_of_media(file)
            yield MediaFile(file, start, max(start, end_of_media(file, start)))
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
