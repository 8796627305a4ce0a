"""Tags of a file: title, artist, album, genre, year. Reading them never fails a file."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import mutagen
from mutagen import id3

MAX_TAG_LENGTH = 500  # characters kept of one tag

# Each tag's names in Vorbis comments and APE, ID3, MP4 and ASF, in this order.
NAMES = {
    "title": ("title", "TIT2", "\xa9nam", "Title"),
    "artist": ("artist", "TPE1", "\xa9ART", "Author"),
    "album": ("album", "TALB", "\xa9alb", "WM/AlbumTitle"),
    "genre": ("genre", "TCON", "\xa9gen", "WM/Genre"),
    "date": ("date", "year", "TDRC", "TYER", "\xa9day", "WM/Year"),
}


@dataclass(frozen=True)
class FileTags:
    """A file's tags; None where it has none.

    `damage`: why its tags could not be read, for the log.
    """

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    genre: str | None = None
    year: int | None = None
    damage: str | None = field(default=None, compare=False)


def read_tags(path: Path) -> FileTags:
    """Read the file's tags, of whatever format. Damaged tags read as none."""
    try:
        file = mutagen.File(path)
    except Exception as error:  # mutagen's parsers raise many kinds on damaged input
        return FileTags(damage=clean(f"{type(error).__name__}: {error}"))
    if file is None or file.tags is None:
        return FileTags()
    values = {tag: _first(file.tags, names) for tag, names in NAMES.items()}
    year = re.search(r"\b(1[89]|20)\d\d\b", values.pop("date") or "")
    return FileTags(**values, year=int(year[0]) if year else None)


def _first(tags: mutagen.Tags, names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            value = tags[name]  # type: ignore[index]
        except (KeyError, ValueError):  # ValueError: not a legal Vorbis key
            continue
        text = clean(_text(value))
        if text:
            return text
    return None


def _text(value: object) -> str:
    if isinstance(value, id3.TCON):
        return "; ".join(value.genres)  # spells out ID3v1's numbered genres
    parts = getattr(value, "text", value)  # an ID3 text frame holds a list
    if not isinstance(parts, list | tuple):
        return str(parts)
    return "; ".join(dict.fromkeys(map(str, parts)))  # FFmpeg writes some ASF tags twice


def clean(text: str) -> str:
    """Return text that PostgreSQL and a terminal can hold.

    Control characters and lone surrogates are replaced; it is cut to MAX_TAG_LENGTH characters.
    """
    legal = text.encode("utf-8", "replace").decode()
    return re.sub(r"[\x00-\x1f\x7f]+", " ", legal).strip()[:MAX_TAG_LENGTH]
