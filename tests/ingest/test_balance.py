"""A scan's balance must add up, and hold each file that was seen once."""

import shutil
from pathlib import Path

import pytest

from soundalike.catalog.coverage import FileOutcomes, file_outcomes
from soundalike.ingest.balance import Balance
from soundalike.ingest.roots import register_roots
from soundalike.ingest.scan import ScanReport
from soundalike.sources.entry import Entry, EntryKind, LeftOut
from tests.library import Library
from tests.sounds import song

NOTHING_FAILED = FileOutcomes(0, 0, 0)


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def told(library: Library, report: ScanReport) -> list[str]:
    with library.sessions() as session:
        return list(report.balance.lines(file_outcomes(session)))


def test_it_adds_up_and_says_how_to_list_the_rest(library: Library) -> None:
    library.length = (2.0, 100.0)
    song(library.music / "good.flac", seconds=3.0, seed=1)
    song(library.music / "short.flac", seconds=1.0, seed=2)
    fill(library.music, "broken.mp3", "album.cue", "cover.jpg", "film.mkv", "back.jpg", "README")
    fill(library.music, ".hidden.mp3", "live/a.mp3", "b.mp3", "#recycle/old.mp3", ".git/x.mp3")
    (library.music / ".soundalikeignore").write_text("live/\nb.mp3\n")
    assert told(library, library.scan())[0] == (
        "files seen: 10 = 3 not read yet + 1 hidden + 1 ignored + 1 CUE sheets + "
        "4 of other extensions (.jpg 2, .mkv 1, none 1)"
    )
    library.ingest()
    report = library.scan()
    lines = told(library, report)
    assert lines[0] == (
        "files seen: 10 = 1 music + 1 failed + 1 too short or too long + 1 hidden + 1 ignored + "
        "1 CUE sheets + 4 of other extensions (.jpg 2, .mkv 1, none 1)"
    )
    assert lines[1] == "folders not looked into: 3 = 1 ignored + 1 hidden + 1 bin"
    assert "one track" in lines[2]
    assert "soundalike files --left-out" in lines[3]


def test_a_folder_of_music_alone_is_one_line(library: Library) -> None:
    song(library.music / "a.flac", seconds=2.0)
    library.ingest()
    assert told(library, library.scan()) == ["files seen: 1 = 1 music"]


def test_thousands_of_extensions_take_no_memory_and_are_all_counted() -> None:
    balance = Balance()
    for number in range(3000):
        path = f"a.{number}".encode()
        balance.add(Entry(path, EntryKind.LEFT_OUT, rule=LeftOut.EXTENSION))
    [line, _] = balance.lines(NOTHING_FAILED)
    assert line.startswith("files seen: 3000 = 3000 of other extensions (")
    assert line.endswith("...)")
    assert len(balance.extensions) == 1000


def test_a_data_root_in_the_music_is_never_scanned(library: Library) -> None:
    inside = library.music / "soundalike-data"
    song(library.music / "a.flac", seconds=2.0)
    library.store = type(library.store)(inside)
    for _ in range(3):
        library.ingest()
        assert library.scan().music == 1
    assert list(inside.rglob("*.flac")), "there is something to find"


@pytest.mark.parametrize("linked", [False, True])
def test_music_in_the_data_root_is_scanned_and_what_is_made_from_it_is_not(
    library: Library, tmp_path: Path, linked: bool
) -> None:
    root = library.store.root
    if linked:
        root.mkdir()
        (tmp_path / "link").symlink_to(root)
        root = tmp_path / "link"
    library.music = root
    song(root / "album" / "a.flac", seconds=2.0)
    song(root / "evaluation" / "audio" / "44100" / "00" / "b.flac", seconds=2.0, seed=2)
    for _ in range(3):
        library.ingest()
        assert library.scan().music == 1


def test_another_library_s_data_root_is_left_out_too(library: Library) -> None:
    song(library.music / "a.flac", seconds=2.0)
    library.ingest()
    shutil.copytree(library.store.root, library.music / "backup of data")
    assert library.scan().music == 1


def test_an_ignore_file_of_a_person_s_own_stays(library: Library) -> None:
    library.store.root.mkdir(exist_ok=True)
    own = library.store.root / ".soundalikeignore"
    own.write_text("# mine\n")
    library.music = library.store.root
    song(library.music / "a.flac", seconds=2.0)
    for _ in range(3):
        library.ingest()
        assert library.scan().music == 1
    assert own.read_text() == "# mine\n"


def test_music_in_the_data_root_stays_when_a_root_around_both_is_added(
    library: Library, tmp_path: Path
) -> None:
    library.music = library.store.root / "music"
    song(library.music / "a.flac", seconds=2.0)
    library.ingest()
    register_roots(library.sessions, [str(tmp_path)])
    report = library.scan()
    assert (report.music, report.gone, report.batches) == (1, 0, {})


@pytest.mark.parametrize("outcomes", [FileOutcomes(3, 0, 0), FileOutcomes(1, 1, 9)])
def test_files_that_were_not_seen_now_are_not_subtracted(outcomes: FileOutcomes) -> None:
    line = next(Balance(music=1, changing=1).lines(outcomes))
    assert line == "files seen: 2 = 1 failed + 1 still being written"
