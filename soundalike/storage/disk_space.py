"""Whether the data root can be written: a full or read-only disk is no file's own fault."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soundalike.errors import StorageError

MIN_FREE_BYTES = 32 * 2**20  # bytes; PostgreSQL alone asks for two files of 16 MiB at a time
DISK_ERRNOS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS))


def require_free_space(root: Path) -> None:
    """Raises StorageError if the disk of the data root is full or cannot be written at all."""
    there = next(path for path in (root, *root.parents) if path.exists())
    if not os.access(there, os.W_OK):
        raise _unusable(root, "it is read-only")
    free = shutil.disk_usage(there).free
    if free < MIN_FREE_BYTES:
        raise _unusable(
            root, f"its disk is full ({free >> 20} MiB are free, {MIN_FREE_BYTES >> 20} needed)"
        )


def raise_disk_error(error: Exception, root: Path) -> None:
    """Raises StorageError if `error` says that the disk of the data root failed, or looks so."""
    if isinstance(error, OSError) and error.errno in DISK_ERRNOS:
        raise _unusable(root, os.strerror(error.errno).lower()) from error
    try:
        require_free_space(root)
    except StorageError as trouble:
        raise trouble from error


@contextmanager
def disk_errors_named(root: Path) -> Iterator[None]:
    """Around what writes to the data root: see `blame_disk`."""
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        raise_disk_error(error, root)
        raise


def _unusable(root: Path, why: str) -> StorageError:
    return StorageError(
        f"the data root {root} cannot be written: {why}.\n"
        "Make room or let it be written, then run the same again: it goes on from where it was."
    )
