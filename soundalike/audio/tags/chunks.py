"""ID3v2 tags in a chunk of their own: in WAV, AIFF, DSDIFF and DSF files."""

from typing import BinaryIO, Literal

MAX_CHUNKS = 10_000
# By the file's first bytes: the byte order of its chunks' lengths, and the bytes of one.
KINDS: dict[bytes, tuple[Literal["little", "big"], int]] = {
    b"RIFF": ("little", 4),
    b"RF64": ("little", 4),
    b"BW64": ("little", 4),
    b"RIFX": ("big", 4),
    b"FORM": ("big", 4),
    b"FRM8": ("big", 8),
}
ID3 = {b"id3 ", b"ID3 ", b"id32"}


def id3_offset(file: BinaryIO, start: int) -> int | None:
    """Return where the ID3v2 tag begins in the file that begins at `start`, or None."""
    file.seek(start)
    kind = file.read(4)
    if kind == b"DSD ":
        file.seek(start + 20)  # a pointer from the file's start, 0 for none
        return start + pointer if (pointer := int.from_bytes(file.read(8), "little")) else None
    if kind not in KINDS:
        return None
    order, width = KINDS[kind]
    offset = start + 4 + width + 4  # after the form's name
    ds64 = 0
    for _ in range(MAX_CHUNKS):
        file.seek(offset)
        name, size = file.read(4), int.from_bytes(file.read(width), order)
        if len(name) < 4:  # noqa: PLR2004
            return None
        if name in ID3:
            return offset + 4 + width
        if name == b"ds64":  # of RF64: the length of the chunk of samples is here
            ds64 = int.from_bytes(file.read(16)[8:], "little")
        if name == b"data" and size == 0xFFFF_FFFF:  # noqa: PLR2004
            size = ds64
        offset += 4 + width + size + size % 2
    return None
