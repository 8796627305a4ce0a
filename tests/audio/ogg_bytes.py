"""Ogg files changed page by page, with right checksums."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import soundfile

from tests.sounds import music, write_audio


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc >> 31 else crc << 1) & 0xFFFFFFFF
        table.append(crc)
    return table


TABLE = _crc_table()


def crc(page: bytes) -> int:
    """Ogg's checksum: as zlib's, but bits the other way round and nothing inverted."""
    value = 0
    for byte in page:
        value = value << 8 & 0xFFFFFFFF ^ TABLE[value >> 24 ^ byte]
    return value


def pages(data: bytes) -> Iterator[bytearray]:
    while data:
        laces = data[27 : 27 + data[26]]
        size = 27 + len(laces) + sum(laces)
        yield bytearray(data[:size])
        data = data[size:]


def changed(data: bytes, change: Callable[[int, bytearray], None]) -> bytes:
    """The file with `change` made to each page, given its number."""
    out = bytearray()
    for number, page in enumerate(pages(data)):
        change(number, page)
        page[22:26] = bytes(4)
        page[22:26] = struct.pack("<I", crc(page))
        out += page
    return bytes(out)


def with_granule(data: bytes, page_number: int, granule: int) -> bytes:
    """The file with another position at the end of one page."""

    def change(number: int, page: bytearray) -> None:
        if number == page_number:
            page[6:14] = struct.pack("<q", granule)

    return changed(data, change)


def with_serial(data: bytes, serial: int) -> bytes:
    """The file as another stream, to follow one in a chain."""

    def change(number: int, page: bytearray) -> None:
        page[14:18] = struct.pack("<I", serial)

    return changed(data, change)


def vorbis(folder: Path, seconds: float, rate: int, channels: int, quality: float = 0.5) -> bytes:
    path = folder / f"vorbis-{seconds}-{rate}-{channels}.ogg"
    soundfile.write(
        path,
        music(seconds, rate, channels).T,
        rate,
        format="OGG",
        subtype="VORBIS",
        compression_level=quality,
    )
    return path.read_bytes()


def opus(folder: Path, seconds: float, rate: int, channels: int) -> bytes:
    path = folder / f"opus-{seconds}-{channels}.opus"
    return write_audio(path, music(seconds, rate, channels), rate).read_bytes()


def flac(folder: Path, seconds: float, rate: int, channels: int) -> bytes:
    """FLAC in Ogg: PyAV encodes no such thing, but copies the packets."""
    source = write_audio(folder / "source.flac", music(seconds, rate, channels), rate)
    target = folder / f"flac-{seconds}-{rate}-{channels}.oga"
    with av.open(str(source)) as file, av.open(str(target), "w", format="ogg") as out:
        stream = out.add_stream_from_template(file.streams.audio[0])
        for packet in file.demux(audio=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    return target.read_bytes()
