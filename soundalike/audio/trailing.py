"""Tags behind the audio of a file, though FFmpeg may take them for audio.

FFmpeg knows a single tag at the end of an MP3. Where mp3gain's APE tag stands before an ID3v1 tag,
or a FLAC has either, it hands the tag's bytes to the decoder, and a retag would be a new track.
"""

import os
from collections.abc import Iterator
from typing import BinaryIO

from soundalike.audio.leading import AC3, APE_TAGGED, DTS, ID3_HEADER, MPEG_SYNC, USUAL, tag_length

# The first bytes of files that get tags appended. In others, an ID3v1 tag must be all text:
# three letters might be samples.
TAGGED = (b"ID3", *USUAL, *APE_TAGGED, *AC3, *DTS)
ID3V1 = 128  # bytes
ID3V1_FIELDS = (slice(3, 33), slice(33, 63), slice(63, 93), slice(93, 97), slice(97, 125))
SPACE = 0x20  # the first character that is text
MAX_TRAILING_TAGS = 8
APE_FOOTER = 32  # bytes, as its header


def end_of_media(file: BinaryIO, start: int) -> int:
    """The offset at which the audio ends that begins at `start`."""
    return min((begin for begin, _ in trailing_tags(file, start)), default=_size(file))


def trailing_tags(file: BinaryIO, start: int = 0) -> Iterator[tuple[int, int]]:
    """Yield start and end of each tag behind the media that begins at `start`, the last one first.

    Both are offsets in the file.
    """
    file.seek(start)
    tagged = _may_be_tagged(file.read(8))
    end = _size(file)
    for _ in range(MAX_TRAILING_TAGS):
        length = _id3v1(file, end, tagged) or _ape(file, end) or _lyrics3(file, end)
        length = length or _id3v2(file, end)
        if not length:
            return
        yield end - length, end
        end -= length


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _may_be_tagged(start: bytes) -> bool:
    return start.startswith(TAGGED) or int.from_bytes(start[:2]) & MPEG_SYNC == MPEG_SYNC


def _before(file: BinaryIO, end: int, length: int) -> bytes:
    """The `length` bytes that end at `end`; none if there are not so many."""
    if end < length:
        return b""
    file.seek(end - length)
    return file.read(length)


def _id3v1(file: BinaryIO, end: int, tagged: bool) -> int:
    tag = _before(file, end, ID3V1)
    return ID3V1 if tag.startswith(b"TAG") and (tagged or _all_text(tag)) else 0


def _all_text(tag: bytes) -> bool:
    """Tell whether an ID3v1 tag's fields are text, each padded with zeros or spaces."""
    texts = [tag[field].rstrip(b"\0 ") for field in ID3V1_FIELDS]
    return any(texts) and all(min(text, default=SPACE) >= SPACE for text in texts)


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


def _id3v2(file: BinaryIO, end: int) -> int:
    """The length of an appended ID3v2.4 tag, which has a footer to be found by."""
    length = tag_length(_before(file, end, ID3_HEADER), b"3DI")
    return length if length and _before(file, end, length).startswith(b"ID3") else 0
