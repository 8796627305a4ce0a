"""The length that an ASF file's header states."""

import struct

from soundalike.audio.media_file import MediaFile

HEADER = 2**16  # bytes in which the file's properties are looked for
PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
FIELDS = struct.Struct("<16s8x16x8x8x8xQ8xQI")  # id, play duration in 100 ns, preroll in ms, flags
BROADCAST = 1  # a flag: nobody knew


def play_seconds(media: MediaFile) -> float | None:
    """The length in seconds; None if the header states none."""
    head = media.at(0, HEADER)
    place = head.find(PROPERTIES)
    if place < 0 or len(head) < place + FIELDS.size:
        return None
    _, play, preroll, flags = FIELDS.unpack_from(head, place)
    return None if flags & BROADCAST else max(0.0, play / 1e7 - preroll / 1e3)
