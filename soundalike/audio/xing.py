"""The counts of frames and bytes that encoders put into an MP3's first frame: Xing, Info, VBRI."""

import struct
from dataclasses import dataclass

from soundalike.audio.leading import end_of_tags
from soundalike.audio.media_file import MediaFile

HEAD = 64  # bytes of the first frame
HAS_FRAMES, HAS_BYTES = 1, 2
SYNC, VERSION, LAYER, RATE, MODE = (0, 11), (11, 2), (13, 2), (20, 2), (24, 2)  # first bit, width
ALL_ONES, MPEG1, LAYER3, MONO = 2**11 - 1, 3, 1, 3
RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
SAMPLES = {3: 1152, 2: 576, 0: 576}  # in a frame, by version
SIDE_INFO = {(True, False): 32, (True, True): 17, (False, False): 17, (False, True): 9}  # bytes
VBRI = 36  # bytes from the frame's start
FEWER_BYTES = 0.98  # of the promised ones: less is a file that was cut off
SLOWEST, FASTEST = 100, 100_000  # bytes a second: 8 kbit/s, mostly cut off; free format


@dataclass(frozen=True)
class _Counts:
    frames: int
    size: int


def frames_seconds(media: MediaFile, present: int) -> float | None:
    """The length in seconds by the count of frames; None if there is none to be relied on.

    `present`: the bytes of the file that are no padding. A file that has all the promised bytes is
    whole, and has another number of frames only because the count is wrong.
    """
    start = end_of_tags(media)
    head = media.at(start, HEAD)
    sync, version, layer, rate = (_bits(head, *place) for place in (SYNC, VERSION, LAYER, RATE))
    if sync != ALL_ONES or layer != LAYER3 or version not in RATES or rate >= len(RATES[version]):
        return None
    counts = _xing(head, version == MPEG1) or _vbri(head)
    if not counts or not counts.frames:
        return None
    seconds = counts.frames * SAMPLES[version] / RATES[version][rate]
    if counts.size and present - start >= FEWER_BYTES * counts.size:
        return None
    bytes_a_second = (counts.size or present) / seconds
    return seconds if SLOWEST <= bytes_a_second <= FASTEST else None


def _bits(head: bytes, first: int, width: int) -> int:
    """Some bits of a frame's header, of 32 bits."""
    return int.from_bytes(head[:4].ljust(4, b"\0")) >> (32 - first - width) & ((1 << width) - 1)


def _xing(head: bytes, is_mpeg1: bool) -> _Counts | None:
    offset = 4 + SIDE_INFO[is_mpeg1, _bits(head, *MODE) == MONO]
    if head[offset : offset + 4] not in {b"Xing", b"Info"} or len(head) < offset + 16:
        return None
    flags, first, second = struct.unpack_from(">III", head, offset + 4)
    if not flags & HAS_FRAMES:
        return None
    return _Counts(first, second if flags & HAS_BYTES else 0)


def _vbri(head: bytes) -> _Counts | None:
    if head[VBRI : VBRI + 4] != b"VBRI" or len(head) < VBRI + 18:
        return None
    size, frames = struct.unpack_from(">II", head, VBRI + 10)
    return _Counts(frames, size)
