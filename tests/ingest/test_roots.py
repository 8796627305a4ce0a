"""Roots come, go, move and grow: what was done with their music must not be done again."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from soundalike.catalog import roots
from soundalike.catalog.track_lists import page
from soundalike.errors import LibraryError
from soundalike.ingest.compare import Change
from soundalike.ingest.roots import (
    keep_root,
    move_root,
    read_again,
    register_configured,
    register_roots,
    remove_root,
)
from soundalike.ingest.scan import ScanReport, ScanRules, scan
from soundalike.sources.roots import MusicRoot
from tests.library import Library
from tests.sounds import song


class Roots:
    """A library whose roots the test chooses."""

    def __init__(self, library: Library, home: Path) -> None:
        self.library, self.home = library, home

    def folder(self, name: str, *seeds: int) -> str:
        for seed in seeds:
            song(self.home / name / f"{seed}.flac", seconds=2.0, seed=seed)
        return str(self.home / name)

    def add(self, *names: str) -> list[str]:
        return register_roots(self.library.sessions, names)

    def scan(self) -> ScanReport:
        return scan(self.library.sessions, ScanRules(0, 100, data=self.library.store.root))

    def ingest(self) -> ScanReport:
        """Scan, process what is pending, and build the index."""
        report = self.scan()
        for batch in self.library.pending():
            self.library.process(batch)
        return report

    def known(self) -> list[str]:
        with self.library.sessions() as session:
            return [MusicRoot(row.location).shown for row in roots.roots(session)]

    def nothing_is_done_again(self) -> None:
        """The next scan changes nothing, and nothing is pending."""
        report = self.scan()
        assert set(report.changes) <= {Change.NONE, Change.RETURNED}, report.changes
        assert report.batches == {}
        assert self.library.pending() == []


@pytest.fixture
def made(library: Library, tmp_path: Path) -> Iterator[Roots]:
    made = Roots(library, tmp_path)
    yield made
    assert library.model.embedder.embedded <= 3, "no track was embedded twice"


@pytest.mark.slow
def test_a_parent_takes_its_children_over(made: Roots) -> None:
    jazz, rock = made.folder("Music/Jazz", 1), made.folder("Music/A/Rock é", 2)
    assert made.add(jazz, rock) == []
    made.ingest()
    version = made.library.publish().version
    told = made.add(str(made.home / "Music"))
    assert sorted(told) == [
        f"{rock} is a part of {made.home / 'Music'} now, with its 1 known files",
        f"{jazz} is a part of {made.home / 'Music'} now, with its 1 known files",
    ]
    assert made.known() == [str(made.home / "Music")]
    made.nothing_is_done_again()
    assert made.library.publish().version == version
    with made.library.sessions() as session:
        found = session.execute(*page("Music/Jazz 1", 10, None)).all()
        assert [row.path for row in found] == []
        found = session.execute(*page("Jazz 1", 10, None)).all()
        assert [row.path for row in found] == [b"Jazz/1.flac"], "found by its new path"
    made.folder("Music/Pop", 3)
    assert made.ingest().changes == {Change.NONE: 2, Change.NEW: 1}
    assert made.add(jazz) == []
    assert made.known() == [str(made.home / "Music")], "a child of a known root is in it already"


@pytest.mark.slow
def test_a_parent_that_was_a_root_before_its_child_has_each_file_once(made: Roots) -> None:
    jazz = made.folder("Music/Jazz", 1)
    music = str(made.home / "Music")
    made.add(music)
    made.ingest()
    remove_root(made.library.sessions, music)
    made.add(jazz)
    made.ingest()
    made.add(music)
    made.nothing_is_done_again()
    assert made.scan().music == 1


def test_a_removed_root_leaves_the_index_and_comes_back_for_nothing(made: Roots) -> None:
    first, second = made.folder("a", 1), made.folder("b", 2)
    made.add(first, second)
    made.ingest()
    version = made.library.publish().version
    assert remove_root(made.library.sessions, second) == 1
    assert made.known() == [first]
    assert made.library.publish().tracks == 1
    report = made.scan()
    assert report.problems == []
    made.add(second)
    made.nothing_is_done_again()
    assert made.library.publish().version == version


@pytest.mark.parametrize("gone", ["missing", "a file"])
def test_one_that_is_gone_for_good_can_be_removed(made: Roots, gone: str) -> None:
    first, second = made.folder("a", 1), made.folder("b", 2)
    made.add(first, second)
    made.ingest()
    Path(second, "2.flac").unlink()
    Path(second).rmdir()
    if gone == "a file":
        Path(second).write_text("x")
    problems = "\n".join(made.scan().problems)
    assert "soundalike roots move" in problems
    assert "soundalike roots remove" in problems
    remove_root(made.library.sessions, second)
    assert made.scan().problems == []


def test_a_root_that_was_moved_is_not_read_again(made: Roots) -> None:
    old = made.folder("a", 1, 2)
    made.add(old)
    made.ingest()
    Path(old).rename(made.home / "b")
    assert move_root(made.library.sessions, old, str(made.home / "b")).shown == f"{made.home}/b"
    made.nothing_is_done_again()
    assert made.known() == [f"{made.home}/b"]


def test_one_may_move_to_where_a_removed_one_was(made: Roots) -> None:
    old, other = made.folder("a", 1), made.folder("b", 2)
    made.add(old, other)
    made.ingest()
    remove_root(made.library.sessions, other)
    Path(other, "2.flac").unlink()
    Path(old, "1.flac").rename(Path(other, "1.flac"))
    move_root(made.library.sessions, old, other)
    made.nothing_is_done_again()


def test_a_move_onto_another_root_or_to_nowhere_is_refused(made: Roots) -> None:
    first, second = made.folder("a", 1), made.folder("b/c", 2)
    made.add(first, second)
    for place, words in (
        (second, "overlap"),
        (str(made.home / "b"), "overlap"),
        (str(made.home / "nowhere"), "does not exist"),
    ):
        with pytest.raises(LibraryError, match=words):
            move_root(made.library.sessions, first, place)
    assert made.known() == [first, second]


def test_an_unknown_root_is_answered_with_the_known_ones(made: Roots) -> None:
    made.add(made.folder("a", 1))
    with pytest.raises(LibraryError) as refused:
        remove_root(made.library.sessions, "/nowhere")
    assert str(made.home / "a") in str(refused.value)


def test_a_link_is_found_by_its_name_and_by_its_target(made: Roots) -> None:
    target = made.folder("a", 1)
    link = made.home / "link"
    link.symlink_to(target)
    made.add(str(link))
    assert made.known() == [target]
    other = made.folder("b", 2)
    link.unlink()
    link.symlink_to(other)
    made.add(str(link))
    assert made.known() == [target, other], "it points elsewhere now: both are listed"
    remove_root(made.library.sessions, target)
    assert made.known() == [other]


def test_what_is_no_longer_configured_is_asked_about_in_words(made: Roots) -> None:
    first, second, own = made.folder("a", 1), made.folder("b", 2), made.folder("c", 3)
    sessions = made.library.sessions
    made.add(own)
    assert register_configured(sessions, [first, second]) == []
    made.ingest()
    assert register_configured(sessions, []) == [], "a terminal that sets nothing"
    for _ in range(2):
        [told] = register_configured(sessions, [first])
        assert told.startswith(f"{second} is no longer in SOUNDALIKE_MUSIC; its 1 files stay")
        assert f"soundalike roots remove '{second}'" in told
    keep_root(sessions, second)
    assert register_configured(sessions, [first]) == []
    assert sorted(made.known()) == sorted([first, second, own])


def test_files_are_read_again_where_a_person_says(made: Roots) -> None:
    made.folder("Music/Jazz/Miles", 1)
    made.folder("Music/Jazzy", 2)
    music = str(made.home / "Music")
    made.add(music)
    made.ingest()
    sessions = made.library.sessions
    assert read_again(sessions, [str(made.home / "Music" / "Jazz")]) == 1
    assert made.ingest().changes[Change.OUTDATED] == 1
    assert read_again(sessions, [music]) == 2
    assert read_again(sessions, []) == 2
    assert made.ingest().changes[Change.OUTDATED] == 2
    with pytest.raises(LibraryError, match="in no music folder"):
        read_again(sessions, [str(made.home)])
    made.nothing_is_done_again()


def test_names_of_any_kind_are_roots(made: Roots) -> None:
    for name in (b"caf\xe9 [x]", b"two\nlines", "日本".encode()):
        folder = os.fsencode(made.home) + b"/" + name
        os.mkdir(folder)  # noqa: PTH102 - bytes
        register_roots(made.library.sessions, [os.fsdecode(folder)])
    made.add(str(made.home))
    assert made.known() == [str(made.home)]
