"""The listing of a bucket as folders, in a temporary file: memory does not grow with the bucket.

A bucket lists its objects page by page, by their keys, and knows no folders. What is in a folder is
wanted at once, so the pages are kept in a database of SQLite, which is removed with the listing.
"""

import datetime as dt
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from soundalike.sources.walk import Item

_TABLE = """
create table items (folder blob, name blob, is_folder integer, size integer, mtime_ns integer,
primary key (folder, name, is_folder)) without rowid
"""
_ADD = "insert or ignore into items values (?, ?, ?, ?, ?)"
_IN_FOLDER = "select name, is_folder, size, mtime_ns from items where folder = ?"
_Row = tuple[bytes, bytes, bool, int, int]


class BucketListing:
    """The objects below a prefix, by folder. Raises OSError where there is no room for it."""

    def __init__(self) -> None:
        with _as_oserror():
            self._database = sqlite3.connect("")  # a temporary file
            self._database.execute("pragma journal_mode = off")
            self._database.execute(_TABLE)

    def add(self, objects: Iterable[tuple[bytes, int, dt.datetime]]) -> None:
        """Add objects: key relative to the prefix, size, time of the last change."""
        with _as_oserror():
            self._database.executemany(_ADD, _rows(objects))

    def items(self, folder: bytes) -> Sequence[Item]:
        """Return the items of a folder; none for one that is not there."""
        with _as_oserror():
            rows = self._database.execute(_IN_FOLDER, (folder,)).fetchall()
        return [Item(name, bool(is_folder), size, time) for name, is_folder, size, time in rows]


def _rows(objects: Iterable[tuple[bytes, int, dt.datetime]]) -> Iterator[_Row]:
    last = b""
    for key, size, changed in objects:
        parent, slash, name = key.rpartition(b"/")
        folder = parent + slash
        if folder != last:
            yield from _with_parents(folder)
            last = folder
        if name:  # else a marker that some tools write for an empty folder
            yield folder, name, False, size, int(changed.timestamp() * 1e9)


def _with_parents(folder: bytes) -> Iterator[_Row]:
    """Yield a folder and those that it is in."""
    parent = b""
    for name in folder.split(b"/")[:-1]:
        yield parent, name, True, 0, 0
        parent += name + b"/"


@contextmanager
def _as_oserror() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(5, f"there is no temporary file for the bucket's listing: {error}") from error
