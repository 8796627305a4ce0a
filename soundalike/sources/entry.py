"""Entries of a music root's listing, which come in the order of their paths."""

from enum import Enum, auto
from typing import NamedTuple

from soundalike.display_text import shown


class EntryKind(Enum):
    """The kind of an entry."""

    MUSIC = auto()  # a file to take
    CHANGING = auto()  # a file that is still being written; the next listing has it
    LEFT_OUT = auto()  # not music, or excluded by a rule
    UNSEEN = auto()  # it could not be read, so its content is unknown


class LeftOut(Enum):
    """The rule that leaves a file or folder out."""

    IGNORED = "ignored"  # by a .soundalikeignore
    HIDDEN = "hidden"
    BIN = "bin"  # a folder of deleted files, or of a system's own
    SHEET = "cue-sheet"
    EXTENSION = "other"  # not one of music


class Entry(NamedTuple):
    """A file or folder below a root. `path` is relative to it, exact, as bytes.

    A folder's path ends with a slash (the root's own is empty) and represents everything in it; so
    listings in order of `path` are in order of bytes, as the catalog's are. `reason`: why UNSEEN.
    `hides_only`: it is only worth a message if there was music in it. `rule`: why LEFT_OUT.
    """

    path: bytes
    kind: EntryKind
    size: int = 0
    mtime_ns: int = 0
    reason: str = ""
    hides_only: bool = False
    rule: LeftOut | None = None

    @property
    def shown(self) -> str:
        """The path as text, for messages."""
        return shown(self.path)

    def covers(self, path: bytes) -> bool:
        """Return whether it is a folder and `path` is in it, or is its own."""
        return path.startswith(self.path) and (not self.path or self.path.endswith(b"/"))
