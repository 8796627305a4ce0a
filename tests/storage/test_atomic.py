"""Published files and folders are there whole, or not at all."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from soundalike.storage import atomic
from soundalike.storage.atomic import (
    atomic_file,
    atomic_folder,
    is_temporary,
    make_read_only,
    remembered_sha256,
    remove_folder,
    sha256_of,
    unnamed_folder,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file"
    with atomic_file(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        temporary.write_text("whole")
    assert target.read_text() == "whole"
    assert names(target.parent) == ["file"]


def test_a_file_has_its_name_only_when_its_bytes_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may keep a new name before it keeps the bytes."""
    target, synced = tmp_path / "file", []
    monkeypatch.setattr(atomic, "fsync", lambda path: synced.append((path, target.exists())))
    with atomic_file(target) as temporary:
        temporary.write_text("whole")
    assert synced == [(temporary, False), (tmp_path, True)]


def test_a_failed_write_keeps_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_file(target) as temporary:
        temporary.write_text("new")
        raise RuntimeError
    assert target.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_folder_appears_with_all_its_files(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "v1") as temporary:
        (temporary / "a").write_text("1")
        assert not (tmp_path / "v1").exists()
        (temporary / "b").write_text("2")
    assert names(tmp_path / "v1") == ["a", "b"]
    assert names(tmp_path) == ["v1"]


def test_a_version_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with atomic_folder(tmp_path / "v1") as temporary:
            (temporary / "a").write_text(text)
    assert (tmp_path / "v1" / "a").read_text() == "first"
    assert names(tmp_path) == ["v1"]


def meanwhile(monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]) -> None:
    """Let something happen while a folder is synced, just before it gets its name."""
    monkeypatch.setattr(atomic, "fsync", change)


def test_of_two_that_finish_a_version_at_the_same_time_the_first_one_s_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another_finishes(_: Path) -> None:
        (tmp_path / "v1").mkdir(exist_ok=True)
        (tmp_path / "v1" / "a").write_text("first")

    meanwhile(monkeypatch, another_finishes)
    with atomic_folder(tmp_path / "v1") as temporary:
        (temporary / "a").write_text("second")
    assert (tmp_path / "v1" / "a").read_text() == "first"
    assert names(tmp_path) == ["v1"]


def test_a_folder_that_cannot_get_its_name_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, lambda _: (tmp_path / "v1").touch())
    with pytest.raises(NotADirectoryError), atomic_folder(tmp_path / "v1"):
        pass
    assert names(tmp_path) == ["v1"]


def test_a_file_may_be_written_below_a_folder_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = atomic.fsync

    def refused(path: Path) -> None:
        if path == tmp_path:
            raise PermissionError
        fsync(path)

    monkeypatch.setattr(atomic, "fsync", refused)  # root may read everything
    with atomic_file(tmp_path / "new" / "file") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "new" / "file").read_text() == "whole"


def test_a_folder_may_get_its_name_from_what_is_in_it_or_none(tmp_path: Path) -> None:
    for name in ("v1", None):
        with unnamed_folder(tmp_path) as folder:
            (folder.path / "a").write_text("1")
            folder.name = name
        assert names(tmp_path) == ["v1"]


def test_what_is_being_written_is_told_from_other_hidden_or_temporary_files(
    tmp_path: Path,
) -> None:
    with atomic_file(tmp_path / "a") as file, atomic_folder(tmp_path / "b") as folder:
        file.touch()
        assert is_temporary(file)
        assert is_temporary(folder)
    for name in ("a", "a.tmp", ".a", ".tmp.flac"):
        assert not is_temporary(tmp_path / name), name


def test_a_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "v1") as temporary:
        (temporary / "a").write_text("1")
        raise RuntimeError
    assert names(tmp_path) == []


def test_the_hash_is_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a").startswith("ba7816bf8f01cfea")


def test_a_remembered_hash_is_of_the_bytes_that_are_there_now(tmp_path: Path) -> None:
    file = tmp_path / "a"
    for number, content in enumerate((b"abc", b"abd")):
        file.write_bytes(content)
        os.utime(file, (number, number))
        assert remembered_sha256(file) == sha256_of(file)
    (tmp_path / "b").write_bytes(b"abe")
    os.utime(tmp_path / "b", (1, 1))
    (tmp_path / "b").replace(file)
    assert remembered_sha256(file) == sha256_of(file), "another file of the same size and time"


def test_a_read_only_folder_and_its_files_may_be_written_by_nobody(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    make_read_only(tmp_path)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o444
    assert tmp_path.stat().st_mode & 0o777 == 0o555
    remove_folder(tmp_path)
    assert not tmp_path.exists()


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    """Each publishes what it wrote; the last one's stays."""
    with ExitStack() as first, atomic_file(tmp_path / "file") as second_temporary:
        first_temporary = first.enter_context(atomic_file(tmp_path / "file"))
        assert first_temporary != second_temporary
        first_temporary.write_text("first")
        second_temporary.write_text("second")
        first.close()
        assert (tmp_path / "file").read_text() == "first"
    assert (tmp_path / "file").read_text() == "second"
    assert names(tmp_path) == ["file"]
