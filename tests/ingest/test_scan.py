"""A scan must notice what changed, and never lose a library to a disk that is not there."""

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from soundalike.catalog.engine import Sessions
from soundalike.errors import LibraryError
from soundalike.ingest.listing import list_root
from soundalike.ingest.scan import (
    register_configured,
    register_roots,
    require_music,
    scan,
)
from tests.ingest.conftest import Library


def fill(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    for number in range(count):
        (folder / f"{number:03d}.mp3").write_bytes(b"x" * (number + 1))


def test_what_is_new_is_sealed_once(library: Library) -> None:
    fill(library.music, 7)
    first = library.scan(batch_tracks=3)
    assert (first.music, first.new, len(first.batches)) == (7, 7, 3)
    second = library.scan(batch_tracks=3)
    assert (second.music, second.new, second.changed, second.batches) == (7, 0, 0, [])


def test_a_changed_file_is_taken_again(library: Library) -> None:
    fill(library.music, 3)
    library.scan()
    (library.music / "001.mp3").write_bytes(b"something else")
    report = library.scan()
    assert (report.new, report.changed, len(report.batches)) == (0, 1, 1)


def test_a_file_gone_before_it_was_ever_read_is_taken_when_it_comes_back(library: Library) -> None:
    fill(library.music, 5)
    library.scan()
    (library.music / "001.mp3").rename(library.music.parent / "away")
    assert library.scan().gone == 1
    (library.music.parent / "away").rename(library.music / "001.mp3")
    report = library.scan()
    assert (report.returned, report.tried_again, len(report.batches)) == (0, 1, 1)


@pytest.mark.parametrize("unmounted", [True, False])
def test_a_disk_that_is_not_mounted_removes_nothing(library: Library, unmounted: bool) -> None:
    fill(library.music, 5)
    library.scan()
    if unmounted:
        shutil.rmtree(library.music)
    else:
        for path in sorted(library.music.iterdir())[:3]:
            path.unlink()
    report = scan(library.sessions, settle_seconds=0, batch_tracks=9)
    assert report.gone == 0
    assert any("othing was removed" in problem for problem in report.problems)
    confirmed = scan(library.sessions, settle_seconds=0, batch_tracks=9, confirm_removals=True)
    assert confirmed.gone == (5 if unmounted else 3)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_removes_nothing(library: Library) -> None:
    fill(library.music / "open", 5)
    fill(library.music / "closed", 1)
    library.scan()
    (library.music / "closed").chmod(0)
    try:
        report = library.scan()
    finally:
        (library.music / "closed").chmod(0o755)
    assert report.gone == 0
    assert any("closed" in problem for problem in report.problems)


def test_a_file_still_being_written_is_left_for_the_next_scan(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    os.utime(tmp_path / "000.mp3", (0, time.time() - 60))
    listing = list_root(tmp_path, settle_seconds=30)
    assert [file.path for file in listing.music] == [b"000.mp3"]
    assert [file.path for file in listing.changing] == [b"001.mp3"]


def test_a_time_stamp_in_the_future_does_not_wait_for_it(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    os.utime(tmp_path / "000.mp3", (0, time.time() + 10**6))
    assert len(list_root(tmp_path, settle_seconds=30).music) == 1


def test_any_name_is_kept_exactly(library: Library) -> None:
    name = os.fsdecode(b"two\nlines \xff\xfe caf\xc3\xa9.MP3")
    (library.music / name).write_bytes(b"x")
    assert library.scan().new == 1
    assert library.scan().new == 0
    [file] = list_root(library.music, 0).music
    assert file.path == os.fsencode(name)
    assert file.shown == "two\nlines \\xff\\xfe café.MP3"


def test_what_is_not_music_is_counted_and_left_alone(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    for name in ("cover.jpg", ".hidden.mp3", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".trash").mkdir()
    fill(tmp_path / ".trash", 1)
    (tmp_path / "dangling.mp3").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "folder.mp3").mkdir()
    listing = list_root(tmp_path, 0)
    assert [file.shown for file in listing.music] == ["000.mp3"]
    assert listing.other_files == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.write_text(""), "is not a folder"),
        (lambda path: path.mkdir(), r"holds no music \(it is empty\)"),
        (
            lambda path: (path.mkdir(), (path / "a.txt").write_text("")),
            r"holds no music \(1 other files\)",
        ),
    ],
)
def test_a_wrong_folder_says_what_is_wrong(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    make(tmp_path / "folder")
    with pytest.raises(LibraryError, match=message):
        require_music([tmp_path / "folder"])


def test_one_folder_that_is_missing_does_not_stop_the_others(library: Library) -> None:
    fill(library.music, 2)
    missing = library.music.parent / "missing"
    [problem] = register_configured(library.sessions, [missing, library.music])
    assert "does not exist" in problem
    assert scan(library.sessions, settle_seconds=0, batch_tracks=9).new == 2


def test_two_scans_at_once_seal_each_file_once(library: Library) -> None:
    fill(library.music, 50)
    register_roots(library.sessions, [library.music])
    with ThreadPoolExecutor() as pool:
        waiting = [
            pool.submit(scan, library.sessions, settle_seconds=0, batch_tracks=9) for _ in range(4)
        ]
        reports = [future.result() for future in waiting]
    assert sum(report.new for report in reports) == 50


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_link_into_a_closed_folder_is_reported(tmp_path: Path) -> None:
    fill(tmp_path / "closed", 1)
    fill(tmp_path / "music", 1)
    (tmp_path / "music" / "link.mp3").symlink_to(tmp_path / "closed" / "000.mp3")
    (tmp_path / "closed").chmod(0)
    try:
        listing = list_root(tmp_path / "music", 0)
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert [file.shown for file in listing.music] == ["000.mp3"]
    assert any("link.mp3" in problem for problem in listing.problems)


def test_no_root_at_all_says_what_to_do(sessions: Sessions) -> None:
    with pytest.raises(LibraryError, match="soundalike ingest FOLDER"):
        scan(sessions, settle_seconds=0, batch_tracks=1)


def test_a_folder_inside_a_root_is_there_already(library: Library) -> None:
    fill(library.music / "jazz", 2)
    library.scan()
    register_roots(library.sessions, [library.music / "jazz"])
    assert library.scan().music == 2


def test_a_folder_around_a_root_is_refused(library: Library) -> None:
    fill(library.music, 1)
    library.scan()
    with pytest.raises(LibraryError, match="is a music root already"):
        register_roots(library.sessions, [library.music.parent])
