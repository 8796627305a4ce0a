"""Comparison of a root's listing with the catalog: one pass over both, in order of path."""

from collections.abc import Iterator
from enum import StrEnum, auto

from soundalike.audio.tags.fields import TAGS_VERSION
from soundalike.catalog.library import KnownFile
from soundalike.sources.entry import Entry, EntryKind

Pair = tuple[KnownFile | None, Entry | None]


class Change(StrEnum):
    """A file's change since the last scan."""

    NONE = auto()
    NEW = auto()  # music that was never seen
    CHANGED = auto()  # it has another size or time
    OUTDATED = auto()  # its tags were read by an older reader, or it was asked to be read again
    RETURNED = auto()  # it was gone and is back, as it was when it was read
    AGAIN = auto()  # it was gone and is back, and was never read
    MISSING = auto()  # it is no longer listed
    UNSEEN = auto()  # it, or a folder it is in, could not be read
    LEFT_OUT = auto()  # it is present, and a rule excludes it now


def side_by_side(known: Iterator[KnownFile], listing: Iterator[Entry]) -> Iterator[Pair]:
    """Pair known files with listed entries, by path, without holding either sequence in memory.

    A known file in a folder that was left out, or not seen, is paired with that folder's entry.
    """
    folder: Entry | None = None  # the last entry that represents all of its folder
    file = next(known, None)
    for entry in listing:
        while file and file.path < entry.path:
            yield file, _if_covered(folder, file)
            file = next(known, None)
        if file and file.path == entry.path:
            yield file, entry
            file = next(known, None)
        else:
            yield None, entry
        if entry.kind is not EntryKind.MUSIC and entry.covers(entry.path):
            folder = entry
    while file:
        yield file, _if_covered(folder, file)
        file = next(known, None)


def _if_covered(folder: Entry | None, file: KnownFile) -> Entry | None:
    return folder if folder and folder.covers(file.path) else None


def change_of(known: KnownFile | None, entry: Entry | None) -> Change:
    """Classify a pair of `side_by_side`."""
    was_present = known is not None and not known.gone
    if entry is None:
        return Change.MISSING if was_present else Change.NONE
    if entry.kind is EntryKind.MUSIC:
        return _change_of_music(known, entry)
    if was_present and entry.kind is EntryKind.UNSEEN:
        return Change.UNSEEN
    return Change.LEFT_OUT if was_present and entry.kind is EntryKind.LEFT_OUT else Change.NONE


def _change_of_music(known: KnownFile | None, entry: Entry) -> Change:
    if known is None:
        return Change.NEW
    if (known.size, known.mtime_ns) != (entry.size, entry.mtime_ns):
        return Change.CHANGED
    if not known.gone:
        is_outdated = not known.unread and known.tags_version < TAGS_VERSION
        return Change.OUTDATED if is_outdated else Change.NONE
    return Change.RETURNED if known.read else Change.AGAIN
