"""APEv2 and APEv1 tags, which may end or begin a file of any format."""

from collections.abc import Iterator
from typing import BinaryIO

from soundalike.audio.tags.names import Source, Value, as_utf8, plain

MAGIC = b"APETAGEX"
EDGE = 32  # bytes of the header and of the footer
MAX_BYTES = 2**26
MAX_ITEMS = 1000
MAX_NAME = 256  # bytes
KIND = 0b110  # the bits of an item's flags that say what its content is
TEXT, BINARY = 0, 1


def read_leading(file: BinaryIO, start: int) -> Source:
    """Read the tag that the file begins with at `start`, if any."""
    file.seek(start)
    header = file.read(EDGE)
    length = int.from_bytes(header[12:16], "little")
    return read_ape(file, start, start + EDGE + length) if header.startswith(MAGIC) else {}


def read_ape(file: BinaryIO, start: int, end: int) -> Source:
    """Read the tag from `start` to `end`; an item that is cut off ends it.

    Items that are not UTF-8, as APEv1 has them, are values whose encoding is not stated.
    """
    file.seek(start)
    data = file.read(min(end - start, MAX_BYTES))
    first = EDGE if data.startswith(MAGIC) else 0
    source: dict[str, list[Value]] = {}
    for name, kind, value in _items(data[first:]):
        if kind == TEXT:
            source.setdefault(name, []).append(as_utf8(value))
        elif kind == BINARY and value:
            source[name] = ["present"]
    return source


def _items(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Yield plain name, kind and content of each item."""
    start = 0
    for _ in range(MAX_ITEMS):
        size, flags = (int.from_bytes(data[start + at : start + at + 4], "little") for at in (0, 4))
        named = data.find(b"\0", start + 8, start + 8 + MAX_NAME)
        end = named + 1 + size
        if named < 0 or end > len(data):
            return
        name = plain(data[start + 8 : named].decode("latin-1"))
        yield name, (flags & KIND) >> 1, data[named + 1 : end]
        start = end
