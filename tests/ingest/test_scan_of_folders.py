"""A scan of some folders must see what a whole scan would see there, and touch nothing else."""

import os
import random
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from soundalike.catalog.tables import FileRow, RootRow
from soundalike.errors import LibraryError
from soundalike.ingest.compare import Change
from soundalike.ingest.roots import register_roots
from soundalike.ingest.scan import ScanReport, ScanRules, parts_of, scan
from soundalike.sources.roots import MusicRoot
from tests.library import Library

RULES = ScanRules(settle_seconds=0, batch_tracks=9)


def fill(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    for number in range(count):
        (folder / f"{number:03d}.mp3").write_bytes(b"x" * (number + 1))


def part(library: Library, *folders: str) -> ScanReport:
    """A scan of these folders of the music."""
    named = [str(library.music / folder) for folder in folders]
    return scan(library.sessions, RULES, folders=named)


def listed(library: Library) -> list[str]:
    with library.sessions() as session:
        shown = select(FileRow.shown).where(FileRow.gone_at.is_(None)).order_by(FileRow.path)
        return list(session.scalars(shown))


def test_only_the_named_folder_is_looked_at(library: Library) -> None:
    for album in ("a/1", "a/2", "b"):
        fill(library.music / album, 3)
    library.scan()
    fill(library.music / "a/3", 2)
    fill(library.music / "c", 2)
    (library.music / "a/1/000.mp3").unlink()
    (library.music / "b/000.mp3").unlink()
    report = part(library, "a")
    assert report.changes == {Change.NONE: 5, Change.NEW: 2, Change.MISSING: 1}
    assert (report.gone, list(report.batches.values())) == (1, [2])
    assert "b/000.mp3" in listed(library)
    assert "c/000.mp3" not in listed(library)
    assert "a/1/000.mp3" not in listed(library)


def test_folders_that_went_or_moved_are_noticed(library: Library) -> None:
    for album in ("a", "b", "c"):
        fill(library.music / album, 3)
    library.scan()
    shutil.rmtree(library.music / "a")
    (library.music / "b").rename(library.music / "d")
    report = part(library, "a", "b", "d")
    assert (report.gone, report.changes[Change.NEW]) == (6, 3)
    assert listed(library) == [f"{folder}/{n:03d}.mp3" for folder in "cd" for n in range(3)]


def test_a_folder_that_lost_most_of_the_library_is_left_as_it_is(library: Library) -> None:
    fill(library.music / "a", 5)
    fill(library.music / "b", 2)
    library.scan()
    shutil.rmtree(library.music / "a")
    report = part(library, "a")
    assert "5 of 7 known files are missing" in "".join(report.problems)
    assert len(listed(library)) == 7


def test_rules_above_a_folder_hold_in_it(library: Library) -> None:
    fill(library.music / "a" / "live", 3)
    fill(library.music / "b", 4)
    library.scan()
    (library.music / ".soundalikeignore").write_text("live/")
    assert part(library, "a/live").changes[Change.LEFT_OUT] == 3
    fill(library.music / ".hidden" / "album", 2)
    assert part(library, ".hidden/album").changes[Change.NEW] == 0


def test_a_folder_with_links_is_scanned_with_all_of_its_root(
    library: Library, tmp_path: Path
) -> None:
    fill(library.music / "a", 2)
    library.scan()
    fill(tmp_path / "elsewhere", 3)
    (library.music / "a" / "link").symlink_to(tmp_path / "elsewhere")
    fill(library.music / "b", 1)
    assert part(library, "a").changes == {Change.NONE: 2, Change.NEW: 4}


def test_a_scan_of_a_folder_is_no_scan_of_its_root(library: Library) -> None:
    fill(library.music / "a", 2)
    register_roots(library.sessions, [str(library.music)])
    part(library, "a")
    with library.sessions() as session:
        assert session.scalars(select(RootRow.scanned_at)).all() == [None]
    scan(library.sessions, RULES, folders=[str(library.music)])
    with library.sessions() as session:
        assert None not in session.scalars(select(RootRow.scanned_at)).all()


def test_a_folder_in_no_root_is_an_error_that_names_it(library: Library, tmp_path: Path) -> None:
    fill(library.music, 1)
    library.scan()
    with pytest.raises(LibraryError, match="elsewhere is in no music folder"):
        scan(library.sessions, RULES, folders=[str(tmp_path / "elsewhere")])


def test_parts_are_named_once_and_a_folder_above_the_root_is_all_of_it() -> None:
    root = MusicRoot(b"/music/all")
    named = [f"/music/all/{name}" for name in ("b/c", "b", "a", "bc", "b")]
    assert sorted(set(parts_of(root, named))) == [b"a/", b"b/", b"bc/"]
    assert len(parts_of(root, named)) == 3
    assert parts_of(root, ["/music", *named]) == [b""]
    assert parts_of(root, ["/music/all"]) == [b""]
    assert parts_of(root, ["/music/other", "/music/allmost"]) == []


@pytest.mark.parametrize("seed", range(3))
def test_after_scans_of_what_changed_a_whole_scan_finds_nothing(
    library: Library, seed: int
) -> None:
    draw = random.Random(seed)
    albums = [f"{artist}/{album}" for artist in "abc" for album in "123"]
    for album in albums:
        fill(library.music / album, 4)
    library.scan()
    for _ in range(4):
        touched = draw.sample(albums, 2)
        for album in touched:
            folder = library.music / album
            if draw.random() < 0.2:
                shutil.rmtree(folder, ignore_errors=True)
                continue
            fill(folder, draw.randint(1, 6))
            file = draw.choice(sorted(folder.iterdir()))
            file.write_bytes(os.urandom(9))
            file.rename(folder / f"{draw.random()}.mp3")
        part(library, *touched)
    assert set(library.scan().changes) == {Change.NONE}
