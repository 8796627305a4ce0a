"""ID3v2 tags in front of a file, whatever its format: some taggers put them before everything.

FFmpeg steps over them where they are usual, before MPEG audio, FLAC and TTA, and reads them there.
"""

from typing import Protocol

ID3_HEADER = 10  # bytes, as its footer
FOOTER_FLAG = 0x10
SEVEN_BITS = 0x7F  # of each byte of a tag's length
MAX_LEADING_TAGS = 8
MAX_PADDING = 2**24  # zero bytes that may follow a tag; editors leave a few megabytes at most
BLOCK = 2**16
HEAD = 20  # bytes by which a format is known
MPEG_SYNC = 0xFFE0
AC3 = (b"\x0b\x77",)
DTS = (b"\x7f\xfe\x80\x01", b"\xfe\x7f\x01\x80", b"\x1f\xff\xe8\x00", b"\xff\x1f\x00\xe8", b"DTSHD")
APE_TAGGED = (b"wvpk", b"MAC ", b"MP+", b"MPCK", b"ajkg")  # formats whose own tags are APE
USUAL = (b"fLaC", b"TTA1")
MATROSKA, ASF = b"\x1a\x45\xdf\xa3", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"
UNUSUAL = (
    *(*AC3, *DTS, *APE_TAGGED, MATROSKA, ASF),
    *(b"RIFF", b"RF64", b"BW64", b"riff", b"FORM", b"FRM8", b"DSD ", b"OggS", b"caff", b".snd"),
    *(b"tBaK", b"FLV", b".RMF", b"#!AMR", b"Creative Voice File", b".SoX", b"XoS."),
    *(b" paf", b"fap ", b"\x64\xa3"),
)
MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")


class Readable(Protocol):
    """An open binary file, or a part of one."""

    def read(self, size: int, /) -> bytes:
        """Read up to `size` bytes."""

    def seek(self, offset: int, /) -> int:
        """Go to an offset from the start."""


def start_of_media(file: Readable) -> int:
    """The offset of what follows the leading tags; 0 where FFmpeg steps over them itself.

    The padding that some editors leave behind a tag, though it is no part of it, is passed over.
    """
    start, padded = _tags(file)
    head = _at(file, start, HEAD)
    if head.startswith(USUAL) or _is_mpeg(head):
        return start if padded else 0
    return start if head.startswith(UNUSUAL) or head[4:8] in MP4_BOXES else 0


def end_of_tags(file: Readable) -> int:
    """The offset of what follows the leading tags, and their padding."""
    return _tags(file)[0]


def _tags(file: Readable) -> tuple[int, bool]:
    """The offset of what follows the tags, and whether there is padding behind any of them."""
    start, padded = 0, False
    for _ in range(MAX_LEADING_TAGS):
        if not (length := _id3v2(file, start)):
            break
        end = start + length
        start = _after_zeros(file, end)
        padded |= start > end
    return start, padded


def _at(file: Readable, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _id3v2(file: Readable, offset: int) -> int:
    return tag_length(_at(file, offset, ID3_HEADER), b"ID3")


def tag_length(header: bytes, magic: bytes) -> int:
    """The length of the ID3v2 tag with this header or footer, both included; 0 if it is none."""
    if len(header) < ID3_HEADER or not header.startswith(magic) or max(header[6:]) > SEVEN_BITS:
        return 0
    size = 0
    for byte in header[6:]:
        size = size << 7 | byte
    return ID3_HEADER + size + (ID3_HEADER if header[5] & FOOTER_FLAG else 0)


def _after_zeros(file: Readable, offset: int) -> int:
    """The offset of the first byte from `offset` on that is not zero; `offset` if it is far."""
    file.seek(offset)
    for passed in range(0, MAX_PADDING, BLOCK):
        block = file.read(BLOCK)
        if rest := block.lstrip(b"\0"):
            # an MP4 begins with the size of its first box, mostly with a zero or more
            found = offset + passed + len(block) - len(rest)
            return max(offset, found - 3) if rest[1:5] in MP4_BOXES else found
        if not block:
            break
    return offset


def _is_mpeg(head: bytes) -> bool:
    return int.from_bytes(head[:2]) & MPEG_SYNC == MPEG_SYNC
