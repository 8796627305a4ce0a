"""A music root that is a folder of this machine."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

from soundalike.sources.walk import Item

MAX_MTIME_NS = 2**63 - 1  # the year 2262


class LinkedPartError(Exception):
    """A part of a root cannot be listed without the rest, because of a link to a folder."""


@dataclass
class FolderTree:
    """A folder. Links to files are followed, and so are links to folders outside of the root, once.

    One to a folder inside of the root is skipped, as its files are listed already; one to a folder
    that it lies in is a loop, and is reported as a problem. If only a folder `within` it is listed,
    a link there, or on the way there, raises LinkedPartError: which of several links to one folder
    is followed, only the whole listing tells.
    """

    root: bytes
    within: bytes = b""
    _followed: set[bytes] = field(default_factory=set)

    def items(self, folder: bytes) -> Sequence[Item]:
        """The folder's items as they are now. Raises OSError if it cannot be listed."""
        with os.scandir(os.path.join(self.root, folder)) as entries:  # noqa: PTH118 - bytes
            # Sorted, so that of two links to one folder always the same is followed.
            ordered = sorted(entries, key=attrgetter("name"))
        items: list[Item] = []
        for entry in ordered:
            items += self._items(entry)
        return items

    def read(self, path: bytes) -> bytes:
        """The file's bytes."""
        return self._local(path).read_bytes()

    @contextmanager
    def local_copy(self, path: bytes, _scratch: Path) -> Iterator[Path]:
        """The file itself: nothing is copied."""
        yield self._local(path)

    def _local(self, path: bytes) -> Path:
        return Path(os.fsdecode(self.root), os.fsdecode(path))

    def _items(self, entry: os.DirEntry[bytes]) -> list[Item]:
        try:
            if entry.is_dir():
                return self._linked(entry) if entry.is_symlink() else [Item(entry.name, True)]
            state = entry.stat()
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not entry.is_symlink():
                return []  # it was removed since it was listed
            # The target of a link is unknown, so it is listed both as a file and as a folder.
            problem = error.strerror or str(error)
            link = entry.is_symlink()
            return [
                Item(entry.name, folder, problem=problem, is_dead_link=link)
                for folder in (False, True)
            ]
        if not stat.S_ISREG(state.st_mode):
            return []
        # Some disks hold dates so far in the future that the catalog cannot hold them.
        return [Item(entry.name, False, state.st_size, min(state.st_mtime_ns, MAX_MTIME_NS))]

    def _linked(self, entry: os.DirEntry[bytes]) -> list[Item]:
        path = entry.path.removeprefix(self.root.rstrip(b"/") + b"/") + b"/"
        if self.within and (path.startswith(self.within) or self.within.startswith(path)):
            raise LinkedPartError(path)
        target = os.path.realpath(entry.path)
        parent = os.path.realpath(os.path.dirname(entry.path))  # noqa: PTH120 - bytes
        if _inside(parent, target):
            return [Item(entry.name, True, problem="a link to a folder it lies in; not followed")]
        if _inside(target, os.path.realpath(self.root)) or target in self._followed:
            return []
        self._followed.add(target)
        return [Item(entry.name, True)]


def _inside(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")
