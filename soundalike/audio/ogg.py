"""Ogg as bytes: its pages, the links of a chained file, and the packets of its audio.

Recorders of internet radio write one link a song, one after the other in a file. FFmpeg follows
them as long as codec, rate and channels stay, and drops the others; where only Vorbis' codebooks
change, it decodes noise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from soundalike.audio.media_file import MediaFile

MAGIC = b"OggS"
HEADER = 27  # bytes
FIRST_PAGE = 2  # a flag
WHOLE_LACE = 255  # a segment of so many bytes goes on in the next
BLOCK = 2**16
VORBIS_HEADERS = 3
MAX_HEADERS = 2**24  # bytes, with a large picture among the comments


@dataclass(frozen=True)
class Page:
    """An Ogg page of a file, from `start` to `end`. `laces`: the sizes of its body's segments."""

    start: int
    end: int
    flags: int
    serial: bytes
    laces: bytes

    @property
    def body(self) -> int:
        """The offset of the page's packets."""
        return self.start + HEADER + len(self.laces)


@dataclass(frozen=True)
class Codec:
    """The audio codec that a stream's first packet names.

    `parameters` must stay for FFmpeg to follow, but for FLAC, whose frames state them. `headers`:
    packets before the audio.
    """

    name: str
    parameters: tuple[bytes, ...]
    headers: int


def is_ogg(file: MediaFile) -> bool:
    """Tell whether the file begins with an Ogg page."""
    return file.at(0, len(MAGIC)) == MAGIC


def pages(file: MediaFile, start: int = 0) -> Iterator[Page]:
    """Yield the file's pages from `start` on; bytes between them are passed over."""
    while (start := _find(file, start)) >= 0:
        header = file.at(start, HEADER)
        if len(header) < HEADER:
            return
        laces = file.read(header[26])
        end = start + HEADER + len(laces) + sum(laces)
        yield Page(start, end, header[5], header[14:18], laces)
        start = end


def _find(file: MediaFile, start: int) -> int:
    """The offset of the next page; -1 if there is none."""
    if file.at(start, len(MAGIC)) == MAGIC:
        return start
    while len(block := file.at(start, BLOCK)) >= len(MAGIC):
        if (found := block.find(MAGIC)) >= 0:
            return start + found
        start += len(block) - len(MAGIC) + 1
    return -1


def _codec(file: MediaFile, page: Page) -> Codec | None:
    """The codec of the stream that begins with `page`; None if it is no audio that is known."""
    head = file.at(page.body, min(80, page.end - page.body))
    if head.startswith(b"\x01vorbis"):
        return Codec("vorbis", (head[:16], _vorbis_setup(file, page)), VORBIS_HEADERS)
    if head.startswith(b"OpusHead"):
        return Codec("opus", (head[:10], head[16:]), 2)  # neither the pre-skip nor the first rate
    if head.startswith(b"\x7fFLAC"):
        return Codec("flac", (b"flac",), 1 + int.from_bytes(head[7:9]))
    if head.startswith(b"Speex   "):
        return Codec("speex", (head[:8], head[36:52]), 2)  # rate, mode, channels
    return None


def _vorbis_setup(file: MediaFile, first: Page) -> bytes:
    """The third packet of the Vorbis stream that begins with `first`: its codebooks."""
    packets, ended = [b""], 0
    for page in pages(file, first.start):
        body = file.at(page.body, page.end - page.body) if page.serial == first.serial else b""
        for lace in page.laces if body else b"":
            packets[-1] += body[:lace]
            body = body[lace:]
            if lace < WHOLE_LACE:
                ended += 1
                packets.append(b"")
            if ended == VORBIS_HEADERS:
                return packets[ended - 1]
        if page.end - first.start > MAX_HEADERS:
            break
    return b""


def followed_links(file: MediaFile) -> list[MediaFile]:
    """The file's links as parts of it, joined where FFmpeg follows from one to the next."""
    starts: list[int] = []
    parameters: list[list[tuple[bytes, ...]]] = []
    in_headers = False
    for page in pages(file):
        begins = bool(page.flags & FIRST_PAGE)
        if begins and not in_headers:
            starts.append(page.start)
            parameters.append([])
        if begins and (codec := _codec(file, page)):
            parameters[-1].append(codec.parameters)
        in_headers = begins
    alike = groupby(range(len(starts)), key=lambda number: parameters[number])
    firsts = [starts[next(numbers)] for _, numbers in alike]
    ends = [*firsts[1:], file.size]
    return [file.part(start, end) for start, end in zip([0, *firsts[1:]], ends, strict=True)]


def audio_packets(file: MediaFile) -> Iterator[bytes]:
    """Yield the bytes of the first audio stream's packets, without its headers."""
    serial, left = b"", 0
    for page in pages(file):
        if not serial and page.flags & FIRST_PAGE and (codec := _codec(file, page)):
            serial, left = page.serial, codec.headers
        if page.serial != serial:
            continue
        skipped = 0
        for lace in page.laces if left else b"":
            skipped += lace
            left -= lace < WHOLE_LACE
            if not left:
                break
        yield file.at(page.body + skipped, page.end - page.body - skipped)
