"""Private copies of files: they have no name, so no other program can truncate or change them.

A mapped file that is truncated kills the process that reads it (SIGBUS), and one that is written to
gives wrong answers. The processes of a user share a copy: a second one finds the first one's open
file through /proc. Where that is not there, each has its own.
"""

import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from soundalike.errors import StorageError

BLOCK_BYTES = 2**20
DELETED = " (deleted)"  # what Linux puts after the path of an open file that has no name


class ChangedFile(Exception):
    """A file that is not as recorded; the message says in which way."""


def open_regular(path: Path) -> BufferedReader:
    """Open a file to read. Raises ChangedFile for anything but a file, which could block."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ChangedFile("is not a file")
    return file


def open_verified(path: Path, sha256: str, size: int | None) -> BufferedReader:
    """Open a file after verifying its bytes. Raises ChangedFile, or OSError."""
    file = open_regular(path)
    try:
        _require_size(file, size)
        _require_hash(hashlib.file_digest(file, "sha256").hexdigest(), sha256)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def open_sized(path: Path, _sha256: str, size: int | None) -> BufferedReader:
    """Open a file that was verified before, after a look at its size. Raises as open_verified."""
    file = open_regular(path)
    try:
        _require_size(file, size)
    except BaseException:
        file.close()
        raise
    return file


def open_private(path: Path, sha256: str, size: int | None) -> BinaryIO:
    """Open a private copy of a file, verified while it is copied. Raises ChangedFile, or OSError.

    A file that is damaged is refused also where another process holds a whole copy. The copy is
    beside the file's folder, or in the temporary folder if that one is read-only or full. Raises
    StorageError if there is no room in either.
    Where the size is not recorded, the file is verified before it is copied: it could have any.
    """
    with open_regular(path) if size is not None else open_verified(path, sha256, None) as source:
        _require_size(source, size)
        with suppress(OSError):  # network file systems cannot lock a file that is read
            fcntl.flock(source, fcntl.LOCK_EX)  # so that processes that start together share
        if shared := _shared(sha256):
            try:
                _require_hash(hashlib.file_digest(source, "sha256").hexdigest(), sha256)
            except BaseException:
                shared.close()
                raise
            return shared
        reasons = []
        for folder in (path.parent.parent, Path(tempfile.gettempdir())):
            try:
                return _copy(source, folder, sha256)
            except OSError as error:
                reasons.append(f"in {folder} ({error.strerror})")
        megabytes = os.fstat(source.fileno()).st_size / 1e6
        raise StorageError(
            f"no room for a private copy of {path.name} ({megabytes:.0f} MB), neither "
            f"{' nor '.join(reasons)}; free some space in one of them"
        )


def _require_size(file: BinaryIO, size: int | None) -> None:
    actual = os.fstat(file.fileno()).st_size
    if size not in (None, actual):
        raise ChangedFile(f"is damaged: it has {actual} bytes instead of {size}")


def _require_hash(actual: str, recorded: str) -> None:
    if actual != recorded:
        raise ChangedFile("is damaged: its SHA-256 is not the recorded one")


def _name(sha256: str) -> str:
    return f".{sha256}-{os.geteuid()}.tmp"


def _copy(source: BinaryIO, folder: Path, sha256: str) -> BinaryIO:
    source.seek(0)
    copy = _nameless(folder, sha256)
    try:
        digest, left = hashlib.sha256(), os.fstat(source.fileno()).st_size
        while left and (block := source.read(min(BLOCK_BYTES, left))):
            digest.update(block)
            copy.write(block)
            left -= len(block)
        copy.flush()
        _require_hash(digest.hexdigest(), sha256)
        copy.seek(0)
    except BaseException:
        copy.close()
        raise
    return copy


def _nameless(folder: Path, sha256: str) -> BinaryIO:
    """Create a file and remove its name, which others of the user still see in /proc."""
    path = Path(tempfile.mkdtemp(prefix=".", suffix=".tmp", dir=folder)) / _name(sha256)
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
    finally:
        path.unlink(missing_ok=True)
        path.parent.rmdir()


def _shared(sha256: str) -> BinaryIO | None:
    """Open the copy that another process of this user holds, if it is whole; else None."""
    for descriptor in _held(_name(sha256)):
        with suppress(OSError, ChangedFile):
            about = descriptor.stat()
            if about.st_uid == os.geteuid() and not about.st_mode & 0o077:
                return open_verified(descriptor, sha256, None)
    return None


def _held(name: str) -> Iterator[Path]:
    """Yield the entries in /proc of open files that had this name."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):
                    if descriptor.readlink().name == f"{name}{DELETED}":
                        yield descriptor
