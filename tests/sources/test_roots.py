"""A root has one location however it is spelt, and a name that cannot be one is refused."""

from pathlib import Path

import pytest

from soundalike.errors import LibraryError
from soundalike.sources.roots import MusicRoot


def test_a_folder_is_known_by_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "link").symlink_to("music")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    wanted = MusicRoot(bytes(tmp_path / "music"))
    for name in ("music", "./music/", "~/music", "link", str(tmp_path / "music")):
        assert MusicRoot.named(name) == wanted, name


def test_a_slash_at_its_end_makes_no_other_bucket() -> None:
    assert MusicRoot.named("s3://music/jazz/") == MusicRoot.named("s3://music/jazz")


@pytest.mark.parametrize("name", ["a\0b", "~nobody-of-this-name/music"])
def test_a_name_that_cannot_be_a_path_is_refused(name: str) -> None:
    with pytest.raises(LibraryError, match="cannot be a path"):
        MusicRoot.named(name)


def test_a_root_that_is_no_folder_is_told_from_one_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "song.mp3").touch()
    MusicRoot.named(str(tmp_path)).require()
    for name, problem in (("song.mp3", "is not a folder"), ("gone", "does not exist")):
        with pytest.raises(LibraryError, match=f"{tmp_path / name} {problem}"):
            MusicRoot.named(str(tmp_path / name)).require()


def test_a_bucket_is_not_looked_for_among_the_folders() -> None:
    MusicRoot.named("s3://music").require()


@pytest.mark.parametrize("place", ["/srv", "s3://music"])
def test_a_root_within_another_has_its_path_there(place: str) -> None:
    outer, inner = MusicRoot.named(f"{place}/a"), MusicRoot.named(f"{place}/a/b/é")
    assert inner.is_within(outer)
    assert inner.relative_to(outer) == "b/é".encode()
    assert outer.relative_to(outer) == b""
    assert not outer.is_within(inner)
    assert not MusicRoot.named(f"{place}/ab").is_within(outer)
