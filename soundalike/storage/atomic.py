"""Publishing by temporary name, fsync, rename, fsync of the folder: readers see all or nothing."""

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


def is_temporary(path: Path) -> bool:
    """Return whether it is being written, or was when its process was killed."""
    return path.name.startswith(".") and path.name.endswith(".tmp")


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


def fsync(path: Path) -> None:
    """Make a file's bytes, or a folder's names, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(path: Path) -> None:
    """Make a folder and its parents, if they are not there, so that they survive a power cut."""
    if path.is_dir():
        return
    _make_folder(path.parent)
    path.mkdir(exist_ok=True)
    with suppress(PermissionError):  # one may write in a folder and not read it
        fsync(path.parent)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write; `path` appears, whole, when the block succeeds."""
    _make_folder(path.parent)
    temporary = _temporary(path)
    try:
        yield temporary
        fsync(temporary)
        temporary.replace(path)
        fsync(path.parent)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder to fill; `path` appears with all its files when the block succeeds.

    A `path` that exists by then is kept as it is: versioned folders are immutable, and two
    processes that build the same version build the same bytes.
    """
    with unnamed_folder(path.parent, path.name) as folder:
        folder.name = path.name
        yield folder.path


@dataclass
class UnnamedFolder:
    """A temporary folder to fill, and the name that it gets, which its contents may decide."""

    path: Path
    name: str | None = None


@contextmanager
def unnamed_folder(parent: Path, hint: str = "new") -> Iterator[UnnamedFolder]:
    """Yield a temporary folder, which appears below `parent` by its name when the block succeeds.

    As with `atomic_folder`, one that exists by then is kept. Without a name nothing appears.
    """
    _make_folder(parent)
    folder = UnnamedFolder(_temporary(parent / hint))
    folder.path.mkdir()
    try:
        yield folder
        if folder.name and not (parent / folder.name).exists():
            for file in folder.path.iterdir():
                fsync(file)
            fsync(folder.path)
            with _kept_if_there():
                folder.path.rename(parent / folder.name)
            fsync(parent)
    finally:
        with suppress(OSError):  # it must not hide the block's own error; gc removes what is left
            remove_folder(folder.path)


@contextmanager
def _kept_if_there() -> Iterator[None]:
    """Let another process be the first to give a folder its name."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def make_read_only(folder: Path) -> None:
    """Take everyone's right to write from a folder and the files in it."""
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it, also where folders are read-only."""
    for folder, _, _ in os.walk(path):
        Path(folder).chmod(0o700)
    shutil.rmtree(path)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remembered_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes; read once, and again when the file's size, time or inode changes.

    For callers that ask every few seconds.
    """
    state = path.stat()
    return _sha256_at(path, state.st_size, state.st_mtime_ns, state.st_ino)


@lru_cache(maxsize=256)
def _sha256_at(path: Path, _size: int, _mtime_ns: int, _inode: int) -> str:
    return sha256_of(path)
