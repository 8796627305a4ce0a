"""A disk that loses what was not synced, as a power cut does.

Of what happens below a folder, it keeps which bytes and which names had been made durable by fsync
at each moment: before and after every fsync, rename and new folder. What the folder held at first
is durable. Linux only.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Contents = dict[str, bytes]  # of files, by their paths below the folder
CALLS = ("fsync", "rename", "replace", "mkdir")


class Disk:
    """What a power cut would leave of a folder, at each moment so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bytes: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._folders: set[int] = set()
        self._held: list[int] = []  # open files, so that no inode's number is used again
        self.moments: list[Contents] = []
        for place, _, files in os.walk(folder):
            for path in (Path(place), *(Path(place, name) for name in files)):
                self._sync(os.open(path, os.O_RDONLY))

    def visible(self) -> Contents:
        """The files that a process sees now, but temporary ones."""
        found = (path for path in self._folder.rglob("*") if path.is_file())
        named = {str(path.relative_to(self._folder)): path.read_bytes() for path in found}
        return {name: data for name, data in named.items() if not _is_temporary(name)}

    def durable(self) -> Contents:
        """The files that a power cut would leave, but temporary ones."""
        return dict(self._below(self._folder.stat().st_ino, ""))

    def _below(self, inode: int, prefix: str) -> Iterator[tuple[str, bytes]]:
        for name, child in self._names.get(inode, {}).items():
            if child in self._bytes:
                yield prefix + name, self._bytes[child]
            elif child in self._folders:
                yield from self._below(child, f"{prefix}{name}/")
            else:
                yield prefix + name, b""  # the name was synced, and no byte of the file

    def _sync(self, descriptor: int) -> None:
        state = os.fstat(descriptor)
        self._held.append(os.dup(descriptor))
        if stat.S_ISDIR(state.st_mode):
            names = os.listdir(descriptor)
            children = {n: os.stat(n, dir_fd=descriptor, follow_symlinks=False) for n in names}
            kept = {n: s.st_ino for n, s in children.items() if not _is_temporary(n)}
            self._names[state.st_ino] = kept
            self._folders |= {s.st_ino for s in children.values() if stat.S_ISDIR(s.st_mode)}
        else:
            self._bytes[state.st_ino] = Path(f"/proc/self/fd/{descriptor}").read_bytes()

    def called(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The system's call, which is followed from now on."""

        def follow(*arguments: Any, **options: Any) -> Any:
            self.moments.append(self.durable())
            result = call(*arguments, **options)
            if name == "fsync":
                self._sync(arguments[0])
            self.moments.append(self.durable())
            return result

        return follow

    def close(self) -> None:
        """Let all files go."""
        for descriptor in self._held:
            os.close(descriptor)


def _is_temporary(name: str) -> bool:
    return any(part.startswith(".") and part.endswith(".tmp") for part in name.split("/"))


@contextmanager
def power_cuts(folder: Path) -> Iterator[Disk]:
    """Follow what is made durable below the folder."""
    disk = Disk(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, disk.called(name, getattr(os, name)))
        yield disk
    disk.close()
