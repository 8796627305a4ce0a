"""Tags within a container, as mutagen and FFmpeg read them.

mutagen's class follows from the container that FFmpeg found, never from the file's name.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from io import SEEK_SET
from pathlib import Path
from typing import Any, BinaryIO

from av.stream import Disposition
from mutagen import FileType
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.mp4 import MP4
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggvorbis import OggVorbis

from soundalike.audio.stream import open_audio
from soundalike.audio.tags.names import NAMES, Source, Value, as_utf8, plain

# By the container that FFmpeg found, in Ogg also by the codec.
CLASSES: Mapping[str, type[FileType]] = {
    "flac": FLAC,
    "ogg/vorbis": OggVorbis,
    "ogg/opus": OggOpus,
    "ogg/flac": OggFLAC,
    "ogg/speex": OggSpeex,
    "mov,mp4,m4a,3gp,3g2,mj2": MP4,
    "asf": ASF,
}
# By a file's first bytes, for one that FFmpeg refuses.
SIGNATURES = {b"fLaC": "flac", b"OggS": "ogg/vorbis"}
PAIRS = ("trkn", "disk")
RATINGS = ("rtng",)
EXPLICIT = (1, 4)  # MP4's ratings; 2 is a clean version


class TailFile:
    """A file from `start` to its end, for parsers that expect their format at offset 0."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file, self._start = file, start
        self.read = file.read
        file.seek(start)

    def seek(self, offset: int, whence: int = SEEK_SET, /) -> int:
        """Move as in any file."""
        offset += self._start if whence == SEEK_SET else 0
        return self._file.seek(offset, whence) - self._start

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell() - self._start


def read_container(file: BinaryIO, start: int, kind: str) -> Source:
    """Read the tags of the container that begins at `start`; none of a kind without a class here.

    Raises what mutagen raises if they are damaged.
    """
    if kind not in CLASSES:
        return {}
    parsed = CLASSES[kind](TailFile(file, start))
    source: dict[str, list[Value]] = defaultdict(list)
    for name, value in _items(parsed.tags):
        source[plain(name)] += _values(name, value)
    if getattr(parsed, "pictures", ()):
        source["picture"] = ["present"]
    return source


def _items(tags: Any) -> Iterable[tuple[str, Any]]:  # noqa: ANN401 - mutagen's are not typed
    """Return pairs of a name and a value, or a list of values."""
    if tags is None:
        return ()
    return tags if isinstance(tags, list) else tags.items()  # Vorbis comments and ASF: lists


def _values(name: str, values: Any) -> Iterator[Value]:  # noqa: ANN401
    """Yield the values of an item as texts; a picture is a value, but not its content."""
    for item in values if isinstance(values, list) else [values]:
        value: Any = getattr(item, "value", item)  # an ASF attribute has one
        if name in PAIRS:
            yield "/".join(map(str, value))
        elif name in RATINGS:
            yield str(int(value in EXPLICIT))
        elif plain(name) in NAMES["has_cover"]:
            yield "present"
        elif isinstance(value, bytes):
            yield as_utf8(bytes(value))
        else:
            yield str(int(value) if isinstance(value, bool) else value)


def read_ffmpeg(path: Path) -> tuple[str, Source]:
    """Return the kind of container, a key of CLASSES, and what FFmpeg says of its tags.

    Raises AudioError if FFmpeg cannot open the file.
    """
    with open_audio(path) as audio:
        kind = audio.container.format.name
        if kind == "ogg":
            kind += f"/{audio.stream.codec_context.name}"
        stated = {**audio.stream.metadata, **audio.container.metadata}
        source = {
            plain(name): [as_utf8(text.encode("utf-8", "surrogateescape"))]
            for name, text in stated.items()
        }
        if any(Disposition.attached_pic in s.disposition for s in audio.container.streams.video):
            source["picture"] = ["present"]
        return kind, source


def kind_by_signature(file: BinaryIO, start: int) -> str:
    """Return the kind of container by its first bytes, for one that FFmpeg refuses; or ""."""
    file.seek(start)
    return SIGNATURES.get(file.read(4), "")
