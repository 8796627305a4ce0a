"""A scan must notice what changed, and never lose a library to a disk that is not there."""

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import select, text

from soundalike.catalog.batch_summaries import outdated, settle
from soundalike.catalog.engine import Sessions
from soundalike.catalog.library import lock_scan
from soundalike.catalog.tables import FileRow
from soundalike.errors import LibraryError
from soundalike.ingest.compare import Change
from soundalike.ingest.require_music import require_music
from soundalike.ingest.roots import register_configured, register_roots
from soundalike.ingest.scan import ScanRules, scan
from soundalike.settings import MUSIC_EXTENSIONS
from tests.library import Library
from tests.patience import PATIENCE

WAITING = text(
    "select count(*) from pg_locks where locktype = 'advisory' and not granted and database ="
    " (select oid from pg_database where datname = current_database())"
)
RULES = ScanRules(settle_seconds=0, batch_tracks=9)


def fill(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    for number in range(count):
        (folder / f"{number:03d}.mp3").write_bytes(b"x" * (number + 1))


def test_what_is_new_is_sealed_once(library: Library) -> None:
    fill(library.music, 7)
    first = library.scan(batch_tracks=3)
    assert (first.music, first.changes[Change.NEW], len(first.batches)) == (7, 7, 3)
    second = library.scan(batch_tracks=3)
    assert (second.music, second.changes, second.batches) == (7, {Change.NONE: 7}, {})


def test_a_scan_that_finds_nothing_new_has_no_summary_read_again(library: Library) -> None:
    fill(library.music, 3)
    library.scan()
    settle(library.sessions)
    library.scan()
    with library.sessions() as session:
        assert outdated(session) == []


def test_a_changed_file_is_taken_again(library: Library) -> None:
    fill(library.music, 3)
    library.scan()
    (library.music / "001.mp3").write_bytes(b"something else")
    report = library.scan()
    assert report.changes == {Change.NONE: 2, Change.CHANGED: 1}
    assert len(report.batches) == 1


def test_a_file_gone_before_it_was_ever_read_is_taken_when_it_comes_back(library: Library) -> None:
    fill(library.music, 5)
    library.scan()
    (library.music / "001.mp3").rename(library.music.parent / "away")
    assert library.scan().gone == 1
    (library.music.parent / "away").rename(library.music / "001.mp3")
    report = library.scan()
    assert report.changes == {Change.NONE: 4, Change.AGAIN: 1}
    assert len(report.batches) == 1


@pytest.mark.parametrize("unmounted", [True, False])
def test_a_disk_that_is_not_mounted_removes_nothing(library: Library, unmounted: bool) -> None:
    fill(library.music, 5)
    library.scan()
    if unmounted:
        shutil.rmtree(library.music)
    else:
        for path in sorted(library.music.iterdir())[:3]:
            path.unlink()
    report = scan(library.sessions, RULES)
    assert report.gone == 0
    assert report.problems
    confirmed = scan(library.sessions, RULES, confirm_removals=True)
    assert confirmed.gone == (5 if unmounted else 3)


@pytest.mark.parametrize(("lost", "is_plausible"), [(4, True), (5, False)])
def test_files_that_came_or_changed_do_not_hide_how_many_are_missing(
    lost: int, is_plausible: bool, library: Library
) -> None:
    """Eight files were there, of which two changed; a ninth was gone before."""
    fill(library.music, 9)
    library.scan()
    (library.music / "008.mp3").unlink()
    library.scan()
    for number in (6, 7):
        (library.music / f"{number:03d}.mp3").write_bytes(b"something else")
    for number in range(lost):
        (library.music / f"{number:03d}.mp3").unlink()
    for number in range(8):
        (library.music / f"new {number}.mp3").write_bytes(b"y" * 100)
    (library.music / "008.mp3").write_bytes(b"back, and not as it was")
    report = scan(library.sessions, RULES)
    assert report.gone == (lost if is_plausible else 0)
    told = [problem for problem in report.problems if f"{lost} of 8 known files" in problem]
    assert len(told) == (not is_plausible)


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


def test_any_name_is_kept_exactly(library: Library) -> None:
    name = os.fsdecode(b"two\nlines \xff\xfe caf\xc3\xa9.MP3")
    (library.music / name).write_bytes(b"x")
    assert library.scan().changes[Change.NEW] == 1
    assert library.scan().changes[Change.NEW] == 0
    with library.sessions() as session:
        [file] = session.scalars(select(FileRow)).all()
    assert (file.path, file.shown) == (os.fsencode(name), "two\nlines \\xff\\xfe café.MP3")


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
        require_music([str(tmp_path / "folder")], MUSIC_EXTENSIONS)


def test_one_folder_that_is_missing_does_not_stop_the_others(library: Library) -> None:
    fill(library.music, 2)
    missing = library.music.parent / "missing"
    [problem] = register_configured(library.sessions, [str(missing), str(library.music)])
    assert "does not exist" in problem
    assert scan(library.sessions, RULES).changes[Change.NEW] == 2


def test_two_scans_at_once_seal_each_file_once(library: Library) -> None:
    fill(library.music, 50)
    register_roots(library.sessions, [str(library.music)])
    together = Barrier(4)

    def scanned() -> int:
        together.wait(PATIENCE)
        return scan(library.sessions, RULES).changes[Change.NEW]

    with ThreadPoolExecutor(4) as pool:
        found = [future.result() for future in [pool.submit(scanned) for _ in range(4)]]
    assert sorted(found) == [0, 0, 0, 50]


def test_a_scan_waits_until_another_is_recorded(library: Library) -> None:
    fill(library.music, 2)
    register_roots(library.sessions, [str(library.music)])
    with ThreadPoolExecutor(1) as pool, library.sessions() as other:
        lock_scan(other)
        scanning = pool.submit(scan, library.sessions, RULES)
        while not other.scalar(WAITING) and not scanning.done():
            time.sleep(0.01)
        assert not scanning.done()
        other.rollback()
        assert scanning.result(PATIENCE).changes[Change.NEW] == 2


def test_no_root_at_all_says_what_to_do(sessions: Sessions) -> None:
    with pytest.raises(LibraryError, match="soundalike ingest FOLDER"):
        scan(sessions, RULES)


def test_a_folder_inside_a_root_is_there_already(library: Library) -> None:
    fill(library.music / "jazz", 2)
    library.scan()
    register_roots(library.sessions, [str(library.music / "jazz")])
    assert library.scan().music == 2


def test_a_root_where_less_than_half_is_found_is_left_as_it_is(library: Library) -> None:
    fill(library.music, 5)
    library.scan()
    for path in sorted(library.music.iterdir())[:3]:
        path.unlink()
    (library.music / "new.mp3").write_bytes(b"of another disk, mounted in its place")
    report = library.scan()
    assert (report.gone, report.batches) == (0, {})
    assert "3 of 5 known files are missing" in report.problems[0]
    assert len(library.pending()) == 1
    confirmed = library.scan(confirm_removals=True)
    assert (confirmed.gone, confirmed.changes[Change.NEW]) == (3, 1)


def test_a_library_that_was_moved_as_a_whole_is_believed(library: Library) -> None:
    fill(library.music / "a", 5)
    library.scan()
    (library.music / "a").rename(library.music / "b")
    report = library.scan()
    assert (report.gone, report.changes[Change.NEW], report.problems) == (5, 5, [])


def test_one_root_that_is_not_there_does_not_stop_the_other(library: Library) -> None:
    other = library.music.parent / "other"
    fill(library.music, 3)
    fill(other, 2)
    register_roots(library.sessions, [str(other)])
    library.scan()
    shutil.rmtree(other)
    (library.music / "new.mp3").write_bytes(b"x")
    report = library.scan()
    assert (report.gone, report.changes[Change.NEW]) == (0, 1)
    assert "other: all of it: No such file or directory" in report.problems[0]


def test_files_left_out_by_a_new_rule_go_without_being_asked_for(library: Library) -> None:
    fill(library.music / "live", 5)
    fill(library.music / "studio", 1)
    library.scan()
    (library.music / ".soundalikeignore").write_text("live/\n")
    report = library.scan()
    assert (report.gone, report.problems) == (5, [])
    (library.music / ".soundalikeignore").unlink()
    assert library.scan().changes[Change.AGAIN] == 5


def test_a_scan_that_is_undone_leaves_no_gap_in_the_batches(library: Library) -> None:
    fill(library.music, 4)
    library.scan(batch_tracks=2)
    for path in sorted(library.music.iterdir()):
        path.unlink()
    fill(library.music / "else", 3)
    for path in (library.music / "else").iterdir():
        path.write_bytes(b"other bytes")
    assert library.scan().batches == {}
    assert library.scan(confirm_removals=True).batches == {"b000003": 3}


def test_a_dead_link_is_one_line_and_none_if_there_was_no_music(library: Library) -> None:
    for name in ("dangling", "x.flac", "cover.jpg"):
        (library.music / name).symlink_to("/nowhere")
    problems = library.scan().problems
    assert problems == [f"{library.music}: x.flac: No such file or directory"]


def test_a_link_to_a_folder_of_music_that_went_is_told_once_and_its_files_stay(
    library: Library, tmp_path: Path
) -> None:
    fill(tmp_path / "disk", 3)
    fill(library.music, 1)
    (library.music / "linked").symlink_to(tmp_path / "disk")
    assert library.scan().music == 4
    shutil.move(tmp_path / "disk", tmp_path / "elsewhere")
    for _ in range(2):
        report = library.scan()
        assert report.problems == [f"{library.music}: linked/: No such file or directory"]
        assert report.gone == 0
