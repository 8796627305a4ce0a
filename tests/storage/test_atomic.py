"""Published files and folders are there whole, or not at all."""

from pathlib import Path

import pytest

from soundalike.storage.atomic import atomic_file, atomic_folder, sha256_of


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


def test_a_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "v1") as temporary:
        (temporary / "a").write_text("1")
        raise RuntimeError
    assert names(tmp_path) == []


def test_the_hash_is_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a").startswith("ba7816bf8f01cfea")
