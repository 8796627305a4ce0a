"""A lock has one holder at a time, whatever was forked, and is never somebody else's file."""

import fcntl
import os
from pathlib import Path

import pytest

from soundalike.storage.locks import exclusive, open_lock, try_exclusive


def is_free(path: Path) -> bool:
    descriptor = open_lock(path)
    try:
        return try_exclusive(descriptor)
    finally:
        os.close(descriptor)


def test_one_holder_excludes_all_others_until_it_is_done(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with exclusive(path):
        assert not is_free(path)
        other = open_lock(path)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.close(other)
    assert is_free(path)


def test_who_tries_holds_it_alone(tmp_path: Path) -> None:
    first, second = (open_lock(tmp_path / "lock") for _ in range(2))
    assert try_exclusive(first)
    assert not try_exclusive(second)
    os.close(first)
    assert try_exclusive(second)
    os.close(second)


def test_nobody_else_may_open_it(tmp_path: Path) -> None:
    os.close(open_lock(tmp_path / "lock"))
    assert (tmp_path / "lock").stat().st_mode & 0o077 == 0


def test_a_child_that_was_forked_meanwhile_does_not_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    hold, release = os.pipe()
    with exclusive(path):
        child = os.fork()
        if not child:
            os.read(hold, 1)  # as long as its parent likes
            os._exit(0)
    assert is_free(path)
    os.write(release, b".")
    os.waitpid(child, 0)
    os.close(hold)
    os.close(release)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("another's")
    (tmp_path / "lock").symlink_to(tmp_path / "file")
    with pytest.raises(OSError, match="symbolic links"):
        open_lock(tmp_path / "lock")
