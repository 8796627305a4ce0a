"""A private copy must be whole, out of everyone's reach, and one for all processes of a user."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from soundalike.storage.private_copy import (
    ChangedFile,
    open_private,
    open_sized,
    open_verified,
)

CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "indexes" / "v").mkdir(parents=True)
    path = tmp_path / "indexes" / "v" / "file"
    path.write_bytes(CONTENT)
    return path


def test_copy_stays_as_it_was_whatever_becomes_of_the_file(source: Path) -> None:
    with open_private(source, SHA256, len(CONTENT)) as copy:
        source.write_bytes(b"another")
        source.unlink()
        assert copy.read() == CONTENT
        assert list(source.parents[1].iterdir()) == [source.parent]


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_file_with_another_content_is_refused_and_leaves_nothing(
    source: Path, size: int | None
) -> None:
    source.write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
    for open_file in (open_private, open_verified):
        with pytest.raises(ChangedFile, match="SHA-256"):
            open_file(source, SHA256, size)
    assert list(source.parents[1].iterdir()) == [source.parent]


def test_file_of_another_size_is_not_even_read(source: Path) -> None:
    """A sparse file may be larger than the disk."""
    with source.open("r+b") as file:
        file.truncate(2**42)
    for open_file in (open_private, open_verified, open_sized):
        with pytest.raises(ChangedFile, match="bytes instead of 3000000"):
            open_file(source, SHA256, len(CONTENT))


@pytest.mark.parametrize("open_file", [open_private, open_verified, open_sized])
@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_an_opened_file_is_read_from_its_beginning(
    source: Path, open_file: Callable[[Path, str, int | None], BinaryIO], size: int | None
) -> None:
    with open_file(source, SHA256, size) as file:
        assert file.read() == CONTENT


def test_without_room_for_a_copy_nothing_is_opened(source: Path) -> None:
    """A limit on the size of files stands for the disk's."""
    code = (
        "import resource, sys; from pathlib import Path;"
        "from soundalike.errors import StorageError;"
        "from soundalike.storage.private_copy import open_private;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\n"
        "try: open_private(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))\n"
        "except StorageError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(source), SHA256, str(len(CONTENT))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "no room for a private copy of file (3 MB)" in done.stdout
    assert f"neither in {source.parents[1]} (File too large) nor in " in done.stdout
    assert list(source.parents[1].iterdir()) == [source.parent]


def test_a_damaged_file_is_refused_also_where_a_whole_copy_is_open(source: Path) -> None:
    with open_private(source, SHA256, len(CONTENT)):
        source.write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
        with pytest.raises(ChangedFile, match="SHA-256"):
            open_private(source, SHA256, len(CONTENT))


@pytest.mark.skipif(sys.platform != "linux", reason="other processes' files are in /proc")
def test_second_process_shares_the_copy_of_the_first(source: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path;"
        "from soundalike.storage.private_copy import open_private;"
        "copy = open_private(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]));"
        "print(os.fstat(copy.fileno()).st_ino, copy.read() == Path(sys.argv[1]).read_bytes())"
    )
    command = [sys.executable, "-c", code, str(source), SHA256, str(len(CONTENT))]

    def told() -> list[str]:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.split()

    with open_private(source, SHA256, len(CONTENT)) as copy:
        inode = os.fstat(copy.fileno()).st_ino
        assert told() == [str(inode), "True"]
        os.fchmod(copy.fileno(), 0o622)
        assert told()[0] != str(inode), "one that others may write to is not shared"
        os.fchmod(copy.fileno(), 0o600)
        if os.geteuid() == 0:  # who alone may look into another user's processes
            os.fchown(copy.fileno(), 65534, -1)
            assert told()[0] != str(inode), "nor is another user's"
            os.fchown(copy.fileno(), 0, -1)
            assert told()[0] == str(inode)
        os.pwrite(copy.fileno(), b"damage", 100)
        assert told()[0] != str(inode), "nor is a damaged one"


@pytest.mark.timeout(60)
def test_a_named_pipe_is_refused_and_not_waited_for(source: Path) -> None:
    source.unlink()
    os.mkfifo(source)
    for open_file in (open_private, open_verified, open_sized):
        with pytest.raises(ChangedFile, match="is not a file"):
            open_file(source, SHA256, len(CONTENT))
