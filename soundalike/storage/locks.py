"""Locks between processes. The kernel frees each, however its holder ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def open_lock(path: Path) -> int:
    """Open a file to lock, creating it if need be. Each call's descriptor is locked separately."""
    # As root we open files in a folder of the user `nobody`: never follow a link in it.
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock on `path`, alone, waiting for it if need be."""
    with _unlocked_after(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextmanager
def exclusive_unless_held(path: Path) -> Iterator[bool]:
    """Hold the lock on `path`, alone; yield False at once if another holds it."""
    with _unlocked_after(path) as descriptor:
        yield try_exclusive(descriptor)


@contextmanager
def _unlocked_after(path: Path) -> Iterator[int]:
    descriptor = open_lock(path)
    try:
        yield descriptor
    finally:
        # A child forked meanwhile by another thread must not keep it, so closing is not enough.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def try_exclusive(descriptor: int) -> bool:
    """Take the lock alone and return True, unless another holds it.

    If one does, a shared lock held before is lost.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
