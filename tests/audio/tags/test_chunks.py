"""The ID3v2 chunk is found in every container that has chunks, whatever else is in it."""

import io
import struct

import pytest

from soundalike.audio.tags.chunks import id3_offset
from tests.audio.tags.raw import frame, id3v2

TAG = id3v2(frame("TIT2", b"T"))


def riff(kind: bytes, order: str, *chunks: tuple[bytes, bytes], width: str = "I") -> bytes:
    body = b"".join(
        name + struct.pack(order + width, len(data)) + data + b"\0" * (len(data) % 2)
        for name, data in chunks
    )
    return kind + struct.pack(order + width, len(body) + 4) + b"FORM" + body


ODD = (b"fmt ", b"odd")  # a length that is padded
FILES = {
    "WAV": riff(b"RIFF", "<", ODD, (b"data", bytes(100)), (b"id3 ", TAG)),
    "WAV, capitals": riff(b"RIFF", "<", (b"ID3 ", TAG), ODD),
    "RIFX": riff(b"RIFX", ">", ODD, (b"id3 ", TAG)),
    "AIFF": riff(b"FORM", ">", ODD, (b"ID3 ", TAG)),
    "DSDIFF": riff(b"FRM8", ">", ODD, (b"ID3 ", TAG), width="Q"),
    "DSF": b"DSD " + struct.pack("<QQQ", 28, 100, 40) + bytes(12) + TAG,
    "RF64": riff(b"RF64", "<", (b"ds64", struct.pack("<QQQI", 0, 100, 0, 0)))
    + b"data" + b"\xff" * 4 + bytes(100) + b"id3 " + struct.pack("<I", len(TAG)) + TAG,
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(FILES))
@pytest.mark.parametrize("before", [b"", b"ID3" + bytes(7)])
def test_the_chunk_is_found(kind: str, before: bytes) -> None:
    file = io.BytesIO(before + FILES[kind])
    offset = id3_offset(file, len(before))
    if kind == "DSF" and before:  # its pointer counts from where the format begins
        assert offset == len(before) + 40
    assert offset is not None
    assert file.getvalue()[offset:].startswith(TAG)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        riff(b"RIFF", "<", ODD),
        riff(b"RIFF", "<", (b"data", bytes(100)))[:-50],
        b"DSD " + bytes(24),
        b"fLaC" + bytes(100),
        b"RIFF" + bytes(8) + bytes(8) * 100_000,
    ],
)
def test_there_is_none(data: bytes) -> None:
    assert id3_offset(io.BytesIO(data), 0) is None
