"""ID3 tags, wherever they stand: ID3v2 before any audio or in a chunk of it, ID3v1 at the end."""

from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO

from mutagen import id3

from soundalike.audio.tags.names import Source, Value, plain

MAX_TAGS = 8  # ID3v2 tags in a row
MAX_TAG_BYTES = 2**26  # of one ID3v2 tag; covers of many megabytes exist
HEADER = 10  # bytes; a footer has as many
FOOTER_FLAG = 0x10
SYNCSAFE = 0x7F  # the largest byte of a tag's length
MUSICBRAINZ = "http://musicbrainz.org"
V1_BYTES = 128
V1_FIELDS = {"title": (3, 33), "artist": (33, 63), "album": (63, 93), "date": (93, 97)}
V1_COMMENT = (97, 127)

# mutagen drops what it cannot parse of a date: here dates are texts.
_DATES = {
    name: type(name, (id3.TextFrame,), {})
    for name, frame in id3.Frames.items()
    if issubclass(frame, id3.TimeStampTextFrame)
}
_FRAMES = {**id3.Frames, **id3.Frames_2_2, **_DATES}


def tag_bytes(file: BinaryIO, start: int) -> int:
    """Return the length in bytes of the ID3v2 tag that begins at `start`; 0 if none does."""
    file.seek(start)
    header = file.read(HEADER)
    if len(header) < HEADER or not header.startswith(b"ID3") or max(header[6:]) > SYNCSAFE:
        return 0
    size = sum(byte << shift for byte, shift in zip(header[6:], (21, 14, 7, 0), strict=True))
    return HEADER + size + (HEADER if header[5] & FOOTER_FLAG else 0)


def leading_tags(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield start and end of each ID3v2 tag in a row from the file's start."""
    start = 0
    for _ in range(MAX_TAGS):
        if not (length := tag_bytes(file, start)):
            return
        yield start, start + length
        start += length


def read_v2(file: BinaryIO, start: int) -> Source:
    """Read the ID3v2 tag at `start`. Raises what mutagen raises if it is damaged."""
    length = tag_bytes(file, start)
    file.seek(start)
    data = BytesIO(file.read(min(length, MAX_TAG_BYTES)))
    read: Any = id3.ID3  # mutagen types hardly any of its frames
    tag = read(data, known_frames=_FRAMES, translate=False, load_v1=False)
    source: dict[str, list[Value]] = defaultdict(list)
    for frame in tag.values():
        for name, values in _values(frame):
            source[name] += values
    _join_date(source)
    return source


def _values(frame: Any) -> Iterator[tuple[str, list[Value]]]:  # noqa: ANN401 - not typed
    """Yield names and values of a frame; a lyric or picture is a value, but not its content."""
    name = frame.FrameID
    if name == "COMM":
        if not frame.desc:  # described ones are notes of programs
            yield "comm", _texts(frame)
    elif name in {"USLT", "SYLT"}:
        yield "uslt", ["present"] if frame.text else []
    elif name == "APIC":
        yield "apic", ["present"] if frame.data else []
    elif name == "UFID":
        if frame.owner == MUSICBRAINZ:
            yield "musicbrainztrackid", [frame.data]
    elif name == "RVA2":
        kind = plain(frame.desc)
        yield f"replaygain{kind}gain", [str(frame.gain)]
        yield f"replaygain{kind}peak", [str(frame.peak)]
    elif isinstance(frame, id3.TextFrame):
        yield plain(frame.HashKey), _texts(frame)


def _texts(frame: Any) -> list[Value]:  # noqa: ANN401
    """Return the frame's texts; those of encoding 0 as bytes, as many programs write any there."""
    if frame.encoding == id3.Encoding.LATIN1:
        return [str(text).encode("latin-1", "replace") for text in frame.text]
    return [str(text) for text in frame.text]


def _join_date(source: dict[str, list[Value]]) -> None:
    """Join ID3v2.3's year and its day and month (DDMM) to a date."""
    years, days = source.get("tyer", []), source.pop("tdat", [])
    if years and days and len(years[0]) == len(days[0]) == 4:  # noqa: PLR2004
        year, day = (v if isinstance(v, str) else v.decode("latin-1") for v in (years[0], days[0]))
        if (year + day).isdecimal():
            source["tyer"] = [f"{year}-{day[2:]}-{day[:2]}"]


def read_v1(file: BinaryIO, start: int) -> Source:
    """Read the ID3v1 tag at `start`."""
    file.seek(start)
    data = file.read(V1_BYTES)
    source: dict[str, list[Value]] = {
        name: [data[start:end].split(b"\0")[0]] for name, (start, end) in V1_FIELDS.items()
    }
    comment = data[slice(*V1_COMMENT)]
    if not comment[28] and comment[29]:  # version 1.1 has the track's number at its end
        source["track"] = [str(comment[29])]
        comment = comment[:28]
    source["comment"] = [comment.split(b"\0")[0]]
    source["genre"] = [str(data[127])]
    return source
