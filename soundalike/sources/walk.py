"""Walking a root, folder by folder, whatever it is stored on: its files in the order of paths."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from soundalike.sources.entry import Entry, EntryKind
from soundalike.sources.ignore import IGNORE_FILE, IgnoreRules


@dataclass(frozen=True)
class Item:
    """Something in a folder. `problem`: why it cannot be looked at."""

    name: bytes
    is_folder: bool = False
    size: int = 0
    mtime_ns: int = 0
    problem: str = ""


class Tree(Protocol):
    """A root as its storage shows it. Paths are relative to it; a folder's ends with a slash."""

    def items(self, folder: bytes) -> Sequence[Item]:
        """What is in a folder, in no order. Raises OSError if it cannot be listed."""
        ...

    def read(self, path: bytes) -> bytes:
        """A small file. Raises OSError if it cannot be read."""
        ...


def walk(tree: Tree, rules: IgnoreRules, settle_seconds: float) -> Iterator[Entry]:
    """Everything below the root by path, in bytes' order; memory for one path of folders only.

    A file touched less than `settle_seconds` ago is CHANGING. Hidden files and folders are passed
    over, as macOS leaves `._track.mp3` beside each track on foreign disks. Never raises for what it
    finds: what cannot be looked at is an UNSEEN entry.
    """
    settled = time.time_ns() - int(settle_seconds * 1e9)
    folders = [_folder(tree, rules, b"", settled)]
    while folders:  # no recursion: folders may be nested deeper than Python's calls
        found = next(folders[-1], None)
        if found is None:
            folders.pop()
        elif isinstance(found, Entry):
            yield found
        else:
            folders.append(_folder(tree, found.rules, found.path, settled))


@dataclass(frozen=True)
class _Below:
    path: bytes
    rules: IgnoreRules


def _folder(
    tree: Tree, rules: IgnoreRules, folder: bytes, settled: int
) -> Iterator[Entry | _Below]:
    try:
        items = tree.items(folder)
        rules, problems = _with_ignore_file(tree, rules, folder, items)
    except OSError as error:
        yield Entry(folder, EntryKind.UNSEEN, reason=_why(error))
        return
    paths = {folder + item.name + b"/" * item.is_folder: item for item in items}
    for path in sorted(paths):
        item = paths[path]
        if item.name == IGNORE_FILE:  # here, not before all others: entries come in order
            for problem in problems:
                yield Entry(path, EntryKind.UNSEEN, reason=problem)
        if item.name.startswith(b"."):
            continue
        if item.problem:
            yield Entry(path, EntryKind.UNSEEN, reason=item.problem)
        elif rules.ignores(path) or not (item.is_folder or rules.is_music(item.name)):
            yield Entry(path, EntryKind.LEFT_OUT)
        elif item.is_folder:
            yield _Below(path, rules)
        else:
            # A time stamp in the future is a wrong clock, not a file being written.
            changing = settled < item.mtime_ns <= time.time_ns()
            kind = EntryKind.CHANGING if changing else EntryKind.MUSIC
            yield Entry(path, kind, item.size, item.mtime_ns)


def _with_ignore_file(
    tree: Tree, rules: IgnoreRules, folder: bytes, items: Sequence[Item]
) -> tuple[IgnoreRules, list[str]]:
    """A folder whose ignore file cannot be read is not looked at: who knows what it leaves out."""
    if not any(item.name == IGNORE_FILE and not item.is_folder for item in items):
        return rules, []
    return rules.within(folder, tree.read(folder + IGNORE_FILE))


def _why(error: OSError) -> str:
    return error.strerror or str(error)
