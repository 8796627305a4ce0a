"""The list of data roots helps, and never gets in the way."""

from pathlib import Path

import pytest

from soundalike.storage import data_roots
from soundalike.storage.data_roots import known_data_roots, remember_data_root


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's file, not there yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "soundalike" / "data-roots.json"


def test_the_last_used_comes_first_and_none_twice(tmp_path: Path) -> None:
    assert known_data_roots() == []
    roots = [tmp_path / name for name in ("a", "b")]
    for root in (*roots, roots[0]):
        root.mkdir(exist_ok=True)
        remember_data_root(root)
    assert known_data_roots() == [tmp_path / "a", tmp_path / "b"]


def test_the_list_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_roots, "MAX_REMEMBERED", 3)
    roots = [tmp_path / str(number) for number in range(5)]
    for root in roots:
        root.mkdir()
        remember_data_root(root)
    assert known_data_roots() == roots[:1:-1]


def test_one_that_is_gone_is_left_out_until_it_returns(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    remember_data_root(disk)
    remember_data_root(tmp_path)
    assert known_data_roots() == [tmp_path]
    disk.mkdir()
    assert known_data_roots() == [tmp_path, disk]


@pytest.mark.parametrize("content", ["", "{", "[1, null]", '{"a": 1}', "\udcff"])
def test_a_damaged_list_is_an_empty_one(state: Path, tmp_path: Path, content: str) -> None:
    state.parent.mkdir(parents=True)
    state.write_bytes(content.encode(errors="surrogateescape"))
    assert known_data_roots() == []
    remember_data_root(tmp_path)
    assert known_data_roots() == [tmp_path]


def test_a_list_that_cannot_be_written_is_no_error(state: Path, tmp_path: Path) -> None:
    state.parent.parent.mkdir()
    state.parent.write_text("a file where the folder should be")
    remember_data_root(tmp_path)
    assert known_data_roots() == []
