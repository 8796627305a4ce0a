"""Sizes that MP4 and Matroska state for themselves, and zeros where a download never got to."""

from soundalike.audio.chunk_sizes import MAX_CHUNKS, Sizes, caf_sizes
from soundalike.audio.media_file import MediaFile

BOX = 8  # bytes of an MP4 box's header, at least
IN_64_BITS = 1  # a box's size that says so
HEADER, SEGMENT = bytes.fromhex("1a45dfa3"), bytes.fromhex("18538067")
BLOCK = 2**16


def sizes_without_index(media: MediaFile) -> Sizes | None:
    """The sizes of an MP4 or CAF that lacks what its writer puts behind the audio: it was cut off.

    None for any other file. Zeros at its end are not there.
    """
    there = media.size - trailing_zeros(media)
    if media.at(0, 4) == b"caff":
        return caf_sizes(media)
    start, audio_end = 0, 0
    for _ in range(MAX_CHUNKS):
        head = media.at(start, 16)
        size, name = int.from_bytes(head[:4]), head[4:8]
        if name == b"moov" or not name.isalnum():
            break
        size = int.from_bytes(head[8:]) if size == IN_64_BITS else size
        start += max(size, BOX)
        audio_end = start if name == b"mdat" else audio_end
    return Sizes(audio_end, there) if audio_end and name != b"moov" else None


def matroska_sizes(media: MediaFile) -> Sizes | None:
    """The sizes of a Matroska file's segment; None if its writer did not know."""
    length, header = _vint(media, len(HEADER))
    start = len(HEADER) + length + (header or 0)
    if media.at(start, len(SEGMENT)) != SEGMENT:
        return None
    length, size = _vint(media, start + len(SEGMENT))
    return Sizes(size, media.size - start - len(SEGMENT) - length) if size else None


def _vint(media: MediaFile, offset: int) -> tuple[int, int | None]:
    """The length and the value of one of Matroska's numbers; None if all its bits are set."""
    first = media.at(offset, 1)
    length = 9 - int.from_bytes(first).bit_length() if first else 0
    bits = 7 * length
    value = int.from_bytes(media.at(offset, length)) & ((1 << bits) - 1)
    return length, value if value != (1 << bits) - 1 else None


def trailing_zeros(media: MediaFile) -> int:
    """The number of zero bytes at the file's end."""
    end = media.size
    while end > 0:
        start = max(0, end - BLOCK)
        if kept := media.at(start, end - start).rstrip(b"\0"):
            return media.size - start - len(kept)
        end = start
    return media.size
