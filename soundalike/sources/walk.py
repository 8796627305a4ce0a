"""Walking a root, folder by folder, on any storage: its files in the order of their paths."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from soundalike.sources.entry import Entry, EntryKind
from soundalike.sources.ignore import IGNORE_FILE, IgnoreRules


class Item(NamedTuple):
    """A file or folder within a folder. `problem`: why it cannot be read.

    `is_dead_link`: its target is not there, so it may have been a file or a folder.
    """

    name: bytes
    is_folder: bool = False
    size: int = 0
    mtime_ns: int = 0
    problem: str = ""
    is_dead_link: bool = False


class Tree(Protocol):
    """A root as its storage shows it. Paths are relative to it; a folder's ends with a slash."""

    def items(self, folder: bytes) -> Sequence[Item]:
        """The items in a folder, in no order. Raises OSError if it cannot be listed."""
        ...

    def read(self, path: bytes) -> bytes:
        """The bytes of a small file. Raises OSError if it cannot be read."""
        ...


def walk(
    tree: Tree, rules: IgnoreRules, settle_seconds: float, within: bytes = b""
) -> Iterator[Entry]:
    """Yield all entries below the root in the byte order of their paths.

    Memory is needed for one path of folders only. A file modified less than `settle_seconds` ago is
    CHANGING. A file or folder that cannot be read is an UNSEEN entry, never an error. Of a folder
    `within` the root, whose path ends with a slash, those entries that are in it; or the one that
    stands for it, if a folder that it is in is left out or cannot be read.
    """
    settled = time.time_ns() - int(settle_seconds * 1e9)
    inside = _Subfolder(b"", rules)
    while inside.path != within:
        following = within[: within.index(b"/", len(inside.path)) + 1]
        about = following, inside.path
        items = _folder(tree, inside.rules, inside.path, settled)
        found = [item for item in items if item.path in about]
        if not (found and isinstance(found[-1], _Subfolder)):
            yield from (item for item in found if isinstance(item, Entry))
            return
        inside = found[-1]
    folders = [_folder(tree, inside.rules, inside.path, settled)]
    while folders:  # no recursion: folders may be nested deeper than Python's calls
        for item in folders[-1]:
            if isinstance(item, _Subfolder):
                folders.append(_folder(tree, item.rules, item.path, settled))
                break
            yield item
        else:
            folders.pop()


class _Subfolder(NamedTuple):
    path: bytes
    rules: IgnoreRules


def _folder(
    tree: Tree, rules: IgnoreRules, folder: bytes, settled: int
) -> Iterator[Entry | _Subfolder]:
    try:
        items = tree.items(folder)
        rules, problems = _with_ignore_file(tree, rules, folder, items)
    except OSError as error:
        yield Entry(folder, EntryKind.UNSEEN, reason=_reason(error))
        return
    paths = {folder + item.name + b"/" * item.is_folder: item for item in items}
    for path in sorted(paths):
        item = paths[path]
        if item.name == IGNORE_FILE:  # now, not before all others: entries come in order
            for problem in problems:
                yield Entry(path, EntryKind.UNSEEN, reason=problem)
            continue
        rule = rules.left_out(folder, item.name, is_folder=item.is_folder)
        if rule:
            yield Entry(path, EntryKind.LEFT_OUT, rule=rule)
        elif item.problem:
            hides_only = item.is_folder and item.is_dead_link
            yield Entry(path, EntryKind.UNSEEN, reason=item.problem, hides_only=hides_only)
        elif item.is_folder:
            yield _Subfolder(path, rules)
        else:
            # A time stamp in the future is a wrong clock, not a file being written.
            changing = settled < item.mtime_ns <= time.time_ns()
            kind = EntryKind.CHANGING if changing else EntryKind.MUSIC
            yield Entry(path, kind, item.size, item.mtime_ns)


def _with_ignore_file(
    tree: Tree, rules: IgnoreRules, folder: bytes, items: Sequence[Item]
) -> tuple[IgnoreRules, list[str]]:
    """Apply the folder's ignore file, if it has one.

    Raises OSError if it cannot be read: the folder is not listed then, as it is unknown what the
    file excludes.
    """
    if not any(item.name == IGNORE_FILE and not item.is_folder for item in items):
        return rules, []
    return rules.within(folder, tree.read(folder + IGNORE_FILE))


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
