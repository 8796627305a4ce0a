"""Private copies of an index version's files: verified, and then out of everybody's reach.

A published file that is written to would give wrong answers, and one that is cut short would end
the process by SIGBUS, as it is memory-mapped.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

log = structlog.get_logger()

Signature = tuple[tuple[str, int, int, int], ...]


@contextmanager
def private_copy(folder: Path, scratch: Path) -> Iterator[Path]:
    """Yield a folder below `scratch` with copies of the files, gone when the block ends.

    What the block has mapped stays mapped, without a name by which it could be changed. The copies
    take disk space and page cache of this process's own. Without room for them, or where nothing
    can be written, it yields the published folder itself.
    """
    with _room(folder, scratch) as copies:
        yield copies or folder


@contextmanager
def _room(folder: Path, scratch: Path) -> Iterator[Path | None]:
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        directory = TemporaryDirectory(prefix="serving-", dir=scratch)
    except OSError as error:
        _warn(folder, error)
        yield None
        return
    with directory as name:
        copies = Path(name, folder.name)
        try:
            shutil.copytree(folder, copies, copy_function=shutil.copyfile)
        except OSError as error:  # shutil.Error is one
            _warn(folder, error)
            shutil.rmtree(copies, ignore_errors=True)
            yield None
        else:
            yield copies


def _warn(folder: Path, error: OSError) -> None:
    log.warning("index.not_copied", version=folder.name, reason=str(error))


def signature(folder: Path) -> Signature:
    """Return name, inode, size and time of each file: another one, if a file was changed."""
    found = []
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            state = path.stat()
            found.append((path.name, state.st_ino, state.st_size, state.st_mtime_ns))
    return tuple(found)
