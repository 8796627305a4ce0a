"""Trailing tags: the audio of a file ends before them, though FFmpeg may take them for audio.

FFmpeg knows a single tag at the end of an MP3. Where mp3gain's APE tag stands before an ID3v1 tag,
or a FLAC has either, it hands the tag's bytes to the decoder, and a retag would be a new track.
"""

import os
from collections.abc import Iterator
from errno import EINVAL
from io import SEEK_END, SEEK_SET
from typing import BinaryIO

# The first bytes of files that get tags appended. In other files these tags might be samples.
TAGGED = (b"ID3", b"fLaC", b"wvpk", b"TTA1", b"MAC ", b"MP+", b"MPCK", b"\x0b\x77")
MPEG_SYNC = 0xFFE0
MAX_TRAILING_TAGS = 8
MAX_OFFSET = 2**42  # bytes; beyond 2**44, file systems refuse to seek
APE_FOOTER = 32  # bytes, as its header


class MediaFile:
    """An open file for FFmpeg to read from its start to `end`.

    FFmpeg may take a disk error for the end of the file, so `check` raises it again.
    """

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file, self._end = file, end
        self._error: OSError | None = None
        self.tell = file.tell
        self.name = file.name  # where the first bytes are ambiguous, FFmpeg goes by the extension

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes, all up to `end` if it is negative.

        Raises OSError, and keeps it for `check`.
        """
        left = max(0, self._end - self._file.tell())
        try:
            return self._file.read(left if size < 0 else min(size, left))
        except OSError as error:
            self._error = error
            raise

    def check(self) -> None:
        """Raise again the OSError that a read raised, if any."""
        if self._error:
            raise self._error

    def seek(self, offset: int, whence: int = SEEK_SET, /) -> int:
        """Move as in any file; an offset that no file has returns FFmpeg's error, -EINVAL."""
        if whence == SEEK_END:
            offset, whence = self._end + offset, SEEK_SET
        if whence == SEEK_SET and not 0 <= offset <= MAX_OFFSET:
            return -EINVAL
        return self._file.seek(offset, whence)


def without_trailing_tags(file: BinaryIO) -> MediaFile:
    """The file from its start to the end of its audio."""
    end = os.fstat(file.fileno()).st_size
    if _may_be_tagged(file.read(4)):
        end = min((start for start, _ in trailing_tags(file)), default=end)
    file.seek(0)
    return MediaFile(file, end)


def trailing_tags(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield start and end of each tag at the file's end, the last one first."""
    end = file.seek(0, SEEK_END)
    for _ in range(MAX_TRAILING_TAGS):
        length = _id3v1(file, end) or _ape(file, end) or _lyrics3(file, end)
        if not length:
            return
        yield end - length, end
        end -= length


def _may_be_tagged(start: bytes) -> bool:
    return start.startswith(TAGGED) or int.from_bytes(start[:2]) & MPEG_SYNC == MPEG_SYNC


def _before(file: BinaryIO, end: int, length: int) -> bytes:
    """The `length` bytes that end at `end`; none if there are not so many."""
    if end < length:
        return b""
    file.seek(end - length)
    return file.read(length)


def _id3v1(file: BinaryIO, end: int) -> int:
    return 128 if _before(file, end, 128).startswith(b"TAG") else 0


def _ape(file: BinaryIO, end: int) -> int:
    footer = _before(file, end, APE_FOOTER)
    if not footer.startswith(b"APETAGEX"):
        return 0
    length = int.from_bytes(footer[12:16], "little")  # with the footer, without the header
    header = APE_FOOTER if footer[23] & 0x80 else 0
    return length + header if APE_FOOTER <= length <= end - header else 0


def _lyrics3(file: BinaryIO, end: int) -> int:
    """The length of a Lyrics3 tag of version 2, which only ever stands before an ID3v1 tag."""
    footer = _before(file, end, 15)
    if not (footer.endswith(b"LYRICS200") and footer[:6].isdigit()):
        return 0
    length = int(footer[:6]) + len(footer)
    return length if _before(file, end, length).startswith(b"LYRICSBEGIN") else 0
