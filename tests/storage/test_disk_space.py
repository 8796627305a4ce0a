"""A disk that is full must be named as what it is, whatever stumbled over it."""

import errno
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from soundalike.errors import StorageError
from soundalike.storage.disk_space import MIN_FREE_BYTES, disk_errors_named, require_free_space


def test_a_disk_with_too_little_room_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_free_space(tmp_path / "not" / "there" / "yet")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=MIN_FREE_BYTES - 1))
    with pytest.raises(StorageError, match=f"{tmp_path}.*its disk is full .31 MiB"):
        require_free_space(tmp_path)


def test_a_disk_with_just_enough_room_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=MIN_FREE_BYTES))
    require_free_space(tmp_path)


def test_a_read_only_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write whatever the mode says
    with pytest.raises(StorageError, match="read-only"):
        require_free_space(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_what_the_disk_refused_is_its_fault_even_if_there_is_room_again(
    tmp_path: Path, number: int
) -> None:
    with pytest.raises(StorageError, match=str(tmp_path)), disk_errors_named(tmp_path):
        raise OSError(number, "as written")


def test_another_error_on_a_full_disk_is_blamed_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(StorageError, match="0 MiB are free"), disk_errors_named(tmp_path):
        raise RuntimeError("PostgreSQL went away")


def test_an_error_that_names_the_disk_already_keeps_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(StorageError, match=r"^no room for a copy$"), disk_errors_named(tmp_path):
        raise StorageError("no room for a copy")


def test_another_error_on_a_sound_disk_is_itself(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="as it was"), disk_errors_named(tmp_path):
        raise OSError(errno.EIO, "as it was")
