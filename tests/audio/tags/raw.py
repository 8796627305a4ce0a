"""Tags made byte by byte: what no library writes, and files have."""

from pathlib import Path

LATIN_1, UTF_16, UTF_8 = 0, 1, 3


def frame(name: str, text: bytes, encoding: int = LATIN_1, version: int = 3) -> bytes:
    """A text frame of ID3v2.3, or of another version; sizes below 128 are the same in all."""
    body = bytes([encoding]) + text
    if version == 2:
        return name.encode() + len(body).to_bytes(3, "big") + body
    return name.encode() + len(body).to_bytes(4, "big") + b"\0\0" + body


def id3v2(*frames: bytes, version: int = 3, padding: int = 0) -> bytes:
    body = b"".join(frames) + bytes(padding)
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3" + bytes([version, 0, 0]) + size + body


def id3v1(
    title: bytes = b"", artist: bytes = b"", year: bytes = b"", genre: int = 255, track: int = 0
) -> bytes:
    texts = title[:30].ljust(30, b"\0") + artist[:30].ljust(30, b"\0") + bytes(30)
    return b"TAG" + texts + year.ljust(4, b"\0") + bytes([*bytes(29), track, genre])


def ape(*items: tuple[str, bytes], kind: int = 0) -> bytes:
    """An APEv2 tag without a header."""
    body = b"".join(
        len(text).to_bytes(4, "little")
        + (kind << 1).to_bytes(4, "little")
        + name.encode()
        + b"\0"
        + text
        for name, text in items
    )
    numbers = (2000, len(body) + 32, len(items), 0)
    footer = b"APETAGEX" + b"".join(number.to_bytes(4, "little") for number in numbers)
    return body + footer + bytes(8)


def around(path: Path, before: bytes = b"", after: bytes = b"") -> Path:
    """Put bytes before and after the file's own."""
    path.write_bytes(before + path.read_bytes() + after)
    return path
