"""A root's listing beside what the catalog knows of it: one pass over both, in order of path."""

from collections.abc import Iterator
from enum import Enum, auto

from soundalike.catalog.library import KnownFile
from soundalike.sources.entry import Entry, EntryKind

Pair = tuple[KnownFile | None, Entry | None]


class Change(Enum):
    """What became of a file since the last scan."""

    NONE = auto()
    NEW = auto()  # music that was never seen
    CHANGED = auto()  # it has another size or time
    RETURNED = auto()  # it was gone and is back, as it was when it was read
    AGAIN = auto()  # it was gone and is back, and was never read
    MISSING = auto()  # it is not where it was
    UNSEEN = auto()  # nothing could be looked at where it was
    LEFT_OUT = auto()  # it is there, and a rule leaves it out now


def side_by_side(known: Iterator[KnownFile], listing: Iterator[Entry]) -> Iterator[Pair]:
    """What is known and what is found, by path. Neither is ever held as a whole.

    A known file in a folder that was left out, or not seen, is paired with that folder's entry.
    """
    folder: Entry | None = None  # the last one that speaks for everything in it
    before = next(known, None)
    for entry in listing:
        while before and before.path < entry.path:
            yield before, _if_covered(folder, before)
            before = next(known, None)
        if before and before.path == entry.path:
            yield before, entry
            before = next(known, None)
        else:
            yield None, entry
        folder = entry if entry.covers(entry.path) else folder
    while before:
        yield before, _if_covered(folder, before)
        before = next(known, None)


def _if_covered(folder: Entry | None, file: KnownFile) -> Entry | None:
    return folder if folder and folder.covers(file.path) else None


def change_of(known: KnownFile | None, entry: Entry | None) -> Change:
    """What a pair means."""
    was_there = known is not None and not known.gone
    if entry is None:
        return Change.MISSING if was_there else Change.NONE
    if entry.kind is EntryKind.MUSIC:
        return _change_of_music(known, entry)
    if was_there and entry.kind is EntryKind.UNSEEN:
        return Change.UNSEEN
    return Change.LEFT_OUT if was_there and entry.kind is EntryKind.LEFT_OUT else Change.NONE


def _change_of_music(known: KnownFile | None, entry: Entry) -> Change:
    if known is None:
        return Change.NEW
    if (known.size, known.mtime_ns) != (entry.size, entry.mtime_ns):
        return Change.CHANGED
    if not known.gone:
        return Change.NONE
    return Change.RETURNED if known.read else Change.AGAIN
