"""What a listing of a music root says, one entry at a time, in the order of their paths."""

from dataclasses import dataclass
from enum import Enum, auto

from soundalike.display_text import shown


class EntryKind(Enum):
    """What an entry is."""

    MUSIC = auto()  # a file to take
    CHANGING = auto()  # a file that is still being written; the next listing has it
    LEFT_OUT = auto()  # no music, or left out by a rule
    UNSEEN = auto()  # it could not be looked at, so nothing is known of what is there


@dataclass(frozen=True)
class Entry:
    """A place below a root. `path` is relative to it, exact, as bytes.

    That of a folder ends with a slash (the root's own is empty) and speaks for everything in it; so
    listings in order of `path` are in order of bytes, as the catalog's are. `reason`: why UNSEEN.
    """

    path: bytes
    kind: EntryKind
    size: int = 0
    mtime_ns: int = 0
    reason: str = ""

    @property
    def shown(self) -> str:
        """The path for people."""
        return shown(self.path)

    def covers(self, path: bytes) -> bool:
        """Whether it is a folder that `path` is in."""
        return path.startswith(self.path) and (not self.path or self.path.endswith(b"/"))
