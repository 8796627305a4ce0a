"""A music root that is a folder of this machine."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from soundalike.sources.walk import Item

MAX_MTIME_NS = 2**63 - 1  # the year 2262


@dataclass
class FolderTree:
    """A folder. Links to files are followed, and so are links to folders outside of the root, once.

    One to a folder inside of the root is passed over, as its files are there already; one to a
    folder that it lies in is a loop, and a problem to report.
    """

    root: bytes
    _followed: set[bytes] = field(default_factory=set)

    def items(self, folder: bytes) -> Sequence[Item]:
        """As the file system has them now."""
        with os.scandir(os.path.join(self.root, folder)) as found:  # noqa: PTH118 - bytes
            # By name, so that of two links to one folder it is always the same that is followed.
            named = sorted(found, key=lambda entry: entry.name)
        return [item for entry in named for item in self._items(entry)]

    def read(self, path: bytes) -> bytes:
        """The file's bytes."""
        return self._local(path).read_bytes()

    @contextmanager
    def local_copy(self, path: bytes, _scratch: Path) -> Iterator[Path]:
        """The file, where it is."""
        yield self._local(path)

    def _local(self, path: bytes) -> Path:
        return Path(os.fsdecode(self.root), os.fsdecode(path))

    def _items(self, found: os.DirEntry[bytes]) -> list[Item]:
        try:
            if found.is_dir():
                return self._linked(found) if found.is_symlink() else [Item(found.name, True)]
            state = found.stat()
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not found.is_symlink():
                return []  # it went since it was listed
            # What a link would lead to is not known, so it speaks for a file and for a folder.
            why = error.strerror or str(error)
            return [Item(found.name, folder, problem=why) for folder in (False, True)]
        if not stat.S_ISREG(state.st_mode):
            return []
        # Disks hold dates that no clock will reach, and that the catalog cannot.
        return [Item(found.name, False, state.st_size, min(state.st_mtime_ns, MAX_MTIME_NS))]

    def _linked(self, found: os.DirEntry[bytes]) -> list[Item]:
        target = os.path.realpath(found.path)
        around = os.path.realpath(os.path.dirname(found.path))  # noqa: PTH120 - bytes
        if _inside(around, target):
            return [Item(found.name, True, problem="a link to a folder it lies in; not followed")]
        if _inside(target, os.path.realpath(self.root)) or target in self._followed:
            return []
        self._followed.add(target)
        return [Item(found.name, True)]


def _inside(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")
