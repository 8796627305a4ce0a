"""Rules for what tags leave open: the encoding of 8-bit text, and what separates genres."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # decoding processes are told the rules, and load no settings
    from soundalike.settings import Settings

DETECTED = "auto"


@dataclass(frozen=True)
class TagRules:
    """Rules of reading tags.

    `encoding`: of text that states none and is not UTF-8, a codec's name; `auto` detects it.
    `genre_separators`: texts that separate several genres in one value.
    """

    encoding: str = DETECTED
    genre_separators: tuple[str, ...] = (";", "/")

    @classmethod
    def of(cls, settings: "Settings") -> "TagRules":
        """Return the rules that the settings give."""
        return cls(settings.tag_encoding, settings.genre_separators)
