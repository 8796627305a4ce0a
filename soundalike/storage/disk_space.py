"""Checks that the data root can be written: a full or read-only disk is not a file's failure."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soundalike.errors import StorageError

MIN_FREE_BYTES = 32 * 2**20  # bytes; PostgreSQL alone needs two files of 16 MiB at a time
DISK_ERRNOS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS))
DAMAGED_ERRNOS = frozenset((errno.EIO, errno.EISDIR, errno.ELOOP))  # of a file without content


def existing_parent(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def require_free_space(root: Path) -> None:
    """Require a writable data root. Raises StorageError if its disk is full or read-only."""
    existing = existing_parent(root)
    if not os.access(existing, os.W_OK):
        raise _unusable(root, "it is read-only")
    free = shutil.disk_usage(existing).free
    if free < MIN_FREE_BYTES:
        raise _unusable(
            root, f"its disk is full ({free >> 20} MiB are free, {MIN_FREE_BYTES >> 20} needed)"
        )


def raise_disk_error(error: Exception, root: Path) -> None:
    """Raise StorageError if `error` came from the data root's disk, or it is unusable now."""
    if isinstance(error, OSError) and error.errno in DISK_ERRNOS:
        raise _unusable(root, os.strerror(error.errno).lower()) from error
    try:
        require_free_space(root)
    except StorageError as storage_error:
        raise storage_error from error


@contextmanager
def disk_errors_named(root: Path) -> Iterator[None]:
    """Apply `raise_disk_error` to errors of the block, which writes to the data root."""
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        raise_disk_error(error, root)
        raise


def _unusable(root: Path, reason: str) -> StorageError:
    return StorageError(
        f"the data root {root} cannot be written: {reason}.\n"
        "Free some space or make it writable, then run it again: it continues from there."
    )
