"""Genres: single names of what tags write as numbers and lists."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mutagen import id3

NUMBERED = re.compile(r"\((\d+|RX|CR)\)")
UNKNOWN = "Unknown"  # mutagen's name of a number that stands for no genre


def genres_of(values: Iterable[str], separators: Sequence[str]) -> Iterator[str]:
    """Yield each genre of the values: Latin and Pop of `Latin; Pop`, Rock of `(17)` or `17`."""
    for value in values:
        for part in split(value, separators):
            for genre in _resolved(part):
                yield from split(genre, separators)


def split(value: str, separators: Sequence[str]) -> list[str]:
    """Split a value at any of the separators; NUL always is one, and `&amp;` holds none."""
    pattern = "|".join(map(re.escape, ("\0", *separators)))
    parts = re.split(rf"(?<!&amp)(?:{pattern})", value)
    return [part.strip() for part in parts if part.strip()]


def _resolved(text: str) -> list[str]:
    """Return the genres that ID3v1's numbers stand for; other text as it is."""
    if not (text.isdecimal() or NUMBERED.match(text)):
        return [text]
    frame: Any = id3.TCON  # mutagen does not type it
    names = frame(encoding=id3.Encoding.UTF8, text=[text]).genres
    return [name for name in names if name != UNKNOWN]
