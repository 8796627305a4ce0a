"""Sizes that the headers of uncompressed formats state for their audio, in bytes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from soundalike.audio.media_file import MediaFile

MAX_CHUNKS = 1000  # before the audio
# Sizes that programs write into a WAV if they do not know: zero, and around 2 and 4 GiB.
UNKNOWN_SIZES = (range(1), range(0x7FFF_0000, 0x8000_0001), range(0xFFFF_0000, 2**32))
UNKNOWN_AU = 2**32 - 1
W64_DATA = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")
W64_HEADER, W64_CHUNK = 40, 24  # bytes
MAX_SIZE = 2**62
DSF_DATA = 28 + 52  # bytes, after the two chunks that precede it


@dataclass(frozen=True)
class Sizes:
    """The bytes of audio that a header promises, and that are there."""

    promised: int
    present: int


def riff_sizes(media: MediaFile) -> Sizes | None:
    """The sizes of a WAV's or RF64's data, or of an AVI as a whole."""
    if media.at(8, 4) == b"AVI ":
        return Sizes(_little(media.at(4, 4)), media.size - 8)
    large = 0
    for name, start, size in _chunks(media, 12, _little):
        if name == b"ds64":
            large = _little(media.at(start + 8, 8))
        elif name == b"data" and (large or not any(size in sizes for sizes in UNKNOWN_SIZES)):
            return _sizes(large or size, media, start)
        elif name == b"data":
            break
    return None


def aiff_sizes(media: MediaFile) -> Sizes | None:
    """The sizes of an AIFF's sound."""
    chunks = _chunks(media, 12, int.from_bytes)
    return next((_sizes(n, media, start) for name, start, n in chunks if name == b"SSND"), None)


def _chunks(
    media: MediaFile, start: int, number: Callable[[bytes], int]
) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and size of each chunk from `start` on."""
    for _ in range(MAX_CHUNKS):
        head = media.at(start, 8)
        if len(head) < len(b"namesize"):
            return
        size = number(head[4:])
        yield head[:4], start + 8, size
        start += 8 + size + size % 2


def w64_sizes(media: MediaFile) -> Sizes | None:
    """The sizes of a Wave64's data; a chunk's size there includes its header."""
    start = W64_HEADER
    for _ in range(MAX_CHUNKS):
        head = media.at(start, W64_CHUNK)
        size = _little(head[16:])
        if head.startswith(W64_DATA):
            return _sizes(size - W64_CHUNK, media, start + W64_CHUNK)
        if size < W64_CHUNK:
            break
        start += size + -size % 8
    return None


def au_sizes(media: MediaFile) -> Sizes | None:
    """The sizes of an AU's data."""
    start, size = (int.from_bytes(media.at(offset, 4)) for offset in (4, 8))
    return _sizes(size, media, start) if size != UNKNOWN_AU else None


def caf_sizes(media: MediaFile) -> Sizes | None:
    """The sizes of a CAF's data; -1 where its writer did not know."""
    start = 8
    for _ in range(MAX_CHUNKS):
        head = media.at(start, 12)
        size = int.from_bytes(head[4:], signed=True)
        if head.startswith(b"data"):
            return _sizes(size, media, start + 12)
        if size < 0 or not head:
            break
        start += 12 + size
    return None


def dsf_sizes(media: MediaFile) -> Sizes | None:
    """The sizes of a DSF's samples; the size there includes the chunk's header."""
    head = media.at(DSF_DATA, 12)
    return _sizes(_little(head[4:]) - 12, media, DSF_DATA + 12) if head[:4] == b"data" else None


def dff_sizes(media: MediaFile) -> Sizes | None:
    """The sizes of a DSDIFF's samples."""
    start = 16
    for _ in range(MAX_CHUNKS):
        head = media.at(start, 12)
        size = int.from_bytes(head[4:])
        if head.startswith(b"DSD "):
            return _sizes(size, media, start + 12)
        if not head:
            break
        start += 12 + size + size % 2
    return None


def _sizes(promised: int, media: MediaFile, start: int) -> Sizes | None:
    """The sizes of audio from `start` on; None if there is no promise in the number."""
    return Sizes(promised, media.size - start) if 0 < promised < MAX_SIZE else None


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
