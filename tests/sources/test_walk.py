"""A listing must take what is music, leave out what a person left out, and survive any tree."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.sources.entry import Entry, EntryKind, LeftOut
from soundalike.sources.folder import LinkedPartError
from soundalike.sources.ignore import IgnoreRules
from soundalike.sources.roots import MusicRoot
from soundalike.sources.walk import Item, walk


def fill(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def listed(root: Path, settle_seconds: float = 0, rules: IgnoreRules | None = None) -> list[Entry]:
    return list(MusicRoot.named(str(root)).entries(rules or IgnoreRules(), settle_seconds))


def paths(root: Path, kind: EntryKind = EntryKind.MUSIC) -> list[str]:
    return [entry.shown for entry in listed(root) if entry.kind is kind]


def test_a_folder_by_itself_is_listed_as_it_is_in_the_whole(tmp_path: Path) -> None:
    fill(
        tmp_path,
        *("a/1.mp3", "a/live/2.mp3", "a/live/cover.jpg", "a-b/3.mp3", "a.mp3", "z/deep/er/4.mp3"),
        *(".hidden/5.mp3", "ignored/6/7.mp3", "a/not this/8.mp3", "a/not this/kept/9.mp3"),
    )
    (tmp_path / ".soundalikeignore").write_text("ignored/\n")
    (tmp_path / "a" / ".soundalikeignore").write_text("/not this/*.mp3\n**broken[\n")
    whole, compared = listed(tmp_path), 0
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()] + [tmp_path / "a" / "gone"]
    for folder in folders:
        within = os.fsencode(folder.relative_to(tmp_path)) + b"/"
        root = MusicRoot.named(str(tmp_path))
        found = list(root.entries(IgnoreRules(), 0, within))
        assert found == [e for e in whole if e.path.startswith(within) or e.covers(within)]
        compared += bool(found)
    assert compared >= 10


def test_a_folder_is_listed_where_the_paths_in_it_sort(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.mp3", "a b/2.mp3", "a-b/3.mp3", "a.mp3", "ab.mp3")
    assert paths(tmp_path) == ["a b/2.mp3", "a-b/3.mp3", "a.mp3", "a/1.mp3", "ab.mp3"]


def test_only_a_folder_covers_what_is_in_it() -> None:
    file, folder, root = (Entry(path, EntryKind.UNSEEN) for path in (b"a", b"a/", b""))
    assert not file.covers(b"a")
    assert not file.covers(b"ab.mp3")
    assert folder.covers(b"a/") and folder.covers(b"a/b.mp3")
    assert not folder.covers(b"a") and not folder.covers(b"ab/c.mp3")
    assert root.covers(b"") and root.covers(b"a/b.mp3")


def test_a_folder_with_a_link_in_it_is_not_listed_by_itself(tmp_path: Path) -> None:
    fill(tmp_path / "music", "a/1.mp3", "b/2.mp3")
    fill(tmp_path, "elsewhere/3.mp3")
    for name in ("a", "b"):
        (tmp_path / "music" / name / "link").symlink_to(tmp_path / "elsewhere")
    root = MusicRoot.named(str(tmp_path / "music"))
    for within in (b"b/", b"b/link/", b"b/link/deeper/"):
        with pytest.raises(LinkedPartError):
            list(root.entries(IgnoreRules(), 0, within))
    fill(tmp_path / "music", "c/4.mp3")
    assert [entry.path for entry in root.entries(IgnoreRules(), 0, b"c/")] == [b"c/4.mp3"]


def test_a_file_still_being_written_is_left_for_the_next_scan(tmp_path: Path) -> None:
    fill(tmp_path, "old.mp3", "new.mp3")
    os.utime(tmp_path / "old.mp3", (0, time.time() - 60))
    kinds = {entry.path: entry.kind for entry in listed(tmp_path, settle_seconds=30)}
    assert kinds == {b"old.mp3": EntryKind.MUSIC, b"new.mp3": EntryKind.CHANGING}


def test_a_time_stamp_in_the_future_does_not_wait_for_it(tmp_path: Path) -> None:
    fill(tmp_path, "a.mp3")
    os.utime(tmp_path / "a.mp3", (0, time.time() + 10**6))
    assert [entry.kind for entry in listed(tmp_path, settle_seconds=30)] == [EntryKind.MUSIC]


def test_what_is_not_music_is_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "a.MP3", "cover.jpg", "mp3", ".mp3", ".3ga", "._a.mp3", ".trash/b.mp3")
    (tmp_path / "folder.mp3").mkdir()
    os.mkfifo(tmp_path / "pipe.mp3")
    assert paths(tmp_path) == ["a.MP3"]
    left_out = [".mp3", ".3ga", "._a.mp3", ".trash/", "cover.jpg", "mp3"]
    assert sorted(paths(tmp_path, EntryKind.LEFT_OUT)) == sorted(left_out)


@pytest.mark.parametrize(
    "name",
    [
        *("...And Justice for All/01.flac", "..And/a.flac", "... x.mp3", "....mp3.mp3"),
        *(".5 The Gray Chapter/a.mp3", ".38 Special/a.mp3", ". dot.mp3", ".!.mp3", "a/...b/c.mp3"),
    ],
)
def test_a_title_that_begins_with_a_dot_is_music(tmp_path: Path, name: str) -> None:
    fill(tmp_path, name)
    assert paths(tmp_path) == [name]


def rules_of(root: Path) -> dict[str, LeftOut | None]:
    return {entry.shown: entry.rule for entry in listed(root)}


def test_each_rule_is_named(tmp_path: Path) -> None:
    fill(tmp_path, ".hidden.mp3", "b.CUE", "c.jpg", "d.mp3", "e/f.mp3", "a.mp3")
    for folder in ("#recycle", "$RECYCLE.BIN", "@eaDir", "System Volume Information", ".Trash-0"):
        fill(tmp_path, f"{folder}/old.mp3", f"deep/{folder}/old.mp3")
    (tmp_path / ".soundalikeignore").write_text("d.mp3\ne/\n")
    rules = rules_of(tmp_path)
    assert rules.pop("a.mp3") is None
    assert rules.pop(".hidden.mp3") is LeftOut.HIDDEN
    assert rules.pop("b.CUE") is LeftOut.SHEET
    assert rules.pop("c.jpg") is LeftOut.EXTENSION
    assert rules.pop("d.mp3") is rules.pop("e/") is LeftOut.IGNORED
    assert rules.pop(".Trash-0/") is rules.pop("deep/.Trash-0/") is LeftOut.HIDDEN
    assert set(rules.values()) == {LeftOut.BIN}
    assert len(rules) == 8


def test_only_a_folder_is_a_bin(tmp_path: Path) -> None:
    fill(tmp_path, "recycle.bin", "Recycled")
    assert rules_of(tmp_path) == dict.fromkeys(("Recycled", "recycle.bin"), LeftOut.EXTENSION)


def test_a_hidden_folder_or_a_bin_is_taken_where_it_is_named(tmp_path: Path) -> None:
    fill(tmp_path, ".hack/a.mp3", ".git/b.mp3", "#recycle/c.mp3", "._d.mp3")
    (tmp_path / ".soundalikeignore").write_text("!/.hack/\n!/[#]recycle/\n!._d.mp3\n!*/\n!*\n")
    assert paths(tmp_path) == [], "the last pattern decides, and names none of them"
    (tmp_path / ".soundalikeignore").write_text("!*/\n!.hack\n!\\#recycle/\n!._d.mp3\n")
    assert paths(tmp_path) == ["#recycle/c.mp3", ".hack/a.mp3"]


def test_extensions_can_be_chosen(tmp_path: Path) -> None:
    fill(tmp_path, "a.mp3", "b.mov")
    entries = listed(tmp_path, rules=IgnoreRules(frozenset({"mov"})))
    assert [entry.kind for entry in entries] == [EntryKind.LEFT_OUT, EntryKind.MUSIC]


def test_ignore_files_speak_for_their_folder_and_the_innermost_decides(tmp_path: Path) -> None:
    fill(tmp_path, "a/b/c.mp3", "a/b/d.mp3", "a/live/e.mp3", "live/f.mp3", "g.flac", "x/g.flac")
    (tmp_path / ".soundalikeignore").write_text("# mine\n/live/\n*.mp3\ng.flac\n")
    (tmp_path / "a" / ".soundalikeignore").write_text("!c.mp3\n!live/**\n")
    (tmp_path / "x" / ".soundalikeignore").write_text("!/g.flac")
    assert paths(tmp_path) == ["a/b/c.mp3", "a/live/e.mp3", "x/g.flac"]
    assert paths(tmp_path, EntryKind.LEFT_OUT) == ["a/b/d.mp3", "g.flac", "live/"]


def test_a_pattern_that_is_none_is_reported_and_the_others_count(tmp_path: Path) -> None:
    fill(tmp_path, "a.mp3", "b.mp3")
    (tmp_path / ".soundalikeignore").write_bytes(b"\xef\xbb\xbfa.mp3\n!\n")
    problem, *entries = listed(tmp_path)
    assert problem.reason == "line 2 is not a pattern and is skipped: '!'"
    assert [entry.kind for entry in entries] == [EntryKind.LEFT_OUT, EntryKind.MUSIC]


def test_a_wrong_pattern_does_not_upset_the_order_of_names(tmp_path: Path) -> None:
    fill(tmp_path, "(2019) Album/a.mp3", "#1 Hits/b.mp3", "c.mp3")
    (tmp_path / ".soundalikeignore").write_text("!\n")
    found = [entry.path for entry in listed(tmp_path)]
    assert found == sorted(found)
    assert len(found) == 4


def test_a_folder_that_is_called_like_an_ignore_file_is_none(tmp_path: Path) -> None:
    fill(tmp_path, ".soundalikeignore/a.mp3", "b.mp3")
    assert [(entry.path, entry.kind) for entry in listed(tmp_path)] == [(b"b.mp3", EntryKind.MUSIC)]


def test_a_name_that_is_not_utf8_can_be_ignored(tmp_path: Path) -> None:
    fill(tmp_path, os.fsdecode(b"caf\xe9.mp3"), "tea.mp3")
    (tmp_path / ".soundalikeignore").write_bytes(b"caf\xe9*\n")
    assert paths(tmp_path) == ["tea.mp3"]


def test_a_link_that_loops_is_reported_and_the_rest_is_listed(tmp_path: Path) -> None:
    fill(tmp_path, "a/b.mp3")
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    (tmp_path / "a" / "itself").symlink_to("itself")
    assert paths(tmp_path) == ["a/b.mp3"]
    reasons = {e.shown: e.reason for e in listed(tmp_path) if e.kind is EntryKind.UNSEEN}
    assert reasons["a/back/"] == "a link to a folder it lies in; not followed"
    assert "a/itself/" in reasons


def test_folders_linked_from_elsewhere_are_part_of_the_root_once(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    fill(root, "a/x.mp3")
    fill(other, "y.mp3")
    (root / "b").symlink_to(other)
    (root / "c").symlink_to(other)
    (root / "d").symlink_to(root / "a")
    (other / "round").symlink_to(other)
    assert paths(root) == ["a/x.mp3", "b/y.mp3"]
    assert paths(root, EntryKind.UNSEEN) == ["b/round/"]


def scanned(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[list[os.DirEntry[bytes]]], None]
) -> None:
    """Let the system list a folder, and something change before its entries are looked at."""
    scandir = os.scandir

    @contextmanager
    def scan(folder: bytes) -> Iterator[list[os.DirEntry[bytes]]]:
        with scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        change(found)
        yield found

    monkeypatch.setattr(os, "scandir", scan)


def test_of_two_links_to_one_folder_the_same_is_followed_in_whatever_order_they_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "other", "y.mp3")
    (tmp_path / "root").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "root" / name).symlink_to(tmp_path / "other")
    scanned(monkeypatch, lambda entries: entries.reverse())
    assert paths(tmp_path / "root") == ["a/y.mp3"]


def test_a_file_that_is_removed_while_its_folder_is_listed_is_no_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "a.mp3", "b.mp3")
    scanned(monkeypatch, lambda entries: Path(os.fsdecode(entries[0].path)).unlink())
    assert [(entry.path, entry.kind) for entry in listed(tmp_path)] == [(b"b.mp3", EntryKind.MUSIC)]


def test_a_folder_beside_the_root_is_not_in_it_though_its_name_begins_alike(
    tmp_path: Path,
) -> None:
    root, other = tmp_path / "music", tmp_path / "music of old"
    fill(root, "a.mp3")
    fill(other, "b.mp3")
    (root / "old").symlink_to(other)
    assert paths(root) == ["a.mp3", "old/b.mp3"]


@pytest.mark.parametrize("target", ["nowhere", "link"])
def test_a_link_that_leads_nowhere_speaks_for_all_that_was_behind_it(
    tmp_path: Path, target: str
) -> None:
    fill(tmp_path, "a.mp3")
    (tmp_path / "link").symlink_to(target)
    unseen = [entry for entry in listed(tmp_path) if entry.kind is EntryKind.UNSEEN]
    assert [entry.path for entry in unseen] == [b"link/"]
    assert unseen[0].covers(b"link/x.mp3")
    assert unseen[0].hides_only


def test_a_dead_link_to_music_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "x.flac").symlink_to("/nowhere")
    told = [entry.path for entry in listed(tmp_path) if entry.reason and not entry.hides_only]
    assert told == [b"x.flac"]


def test_a_date_that_no_clock_will_reach_is_held_by_the_catalog(tmp_path: Path) -> None:
    fill(tmp_path, "a.mp3")
    os.utime(tmp_path / "a.mp3", (0, 9_500_000_000))
    [entry] = listed(tmp_path)
    assert entry.mtime_ns < 2**63


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_looked_at_is_reported(tmp_path: Path) -> None:
    fill(tmp_path, "closed/a.mp3", "music/b.mp3", "rules/c.mp3", "rules/.soundalikeignore")
    (tmp_path / "music" / "link.mp3").symlink_to(tmp_path / "closed" / "a.mp3")
    (tmp_path / "rules" / ".soundalikeignore").chmod(0)
    (tmp_path / "closed").chmod(0)
    try:
        unseen = paths(tmp_path, EntryKind.UNSEEN)
        assert paths(tmp_path) == ["music/b.mp3"]
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert unseen == ["closed/", "music/link.mp3", "music/link.mp3/", "rules/"]


def test_folders_nested_deeper_than_calls_may_be_are_listed(tmp_path: Path) -> None:
    class Deep:
        def items(self, folder: bytes) -> list[Item]:
            return [Item(b"a", True)] if folder.count(b"/") < 3000 else [Item(b"b.mp3")]

        def read(self, path: bytes) -> bytes:
            raise FileNotFoundError(path)

    [found] = walk(Deep(), IgnoreRules(), 0)
    assert found.path == b"a/" * 3000 + b"b.mp3"


NAMES = st.lists(
    st.lists(st.sampled_from(["a", "a-", "a.mp3", "a b", "A", "é", "0"]), min_size=1, max_size=4),
    max_size=12,
)


@given(NAMES)
def test_entries_come_in_the_order_of_their_bytes(names: list[list[str]]) -> None:
    folders: dict[bytes, set[tuple[bytes, bool]]] = {b"": set()}
    for parts in names:
        folder = b""
        for part in parts:
            name = part.encode()
            folders[folder].add((name, True))
            folder += name + b"/"
            folders.setdefault(folder, set())
        folders[folder].add((b"x.mp3", False))

    class Made:
        def items(self, folder: bytes) -> list[Item]:
            return [Item(name, is_folder) for name, is_folder in folders[folder]]

        def read(self, path: bytes) -> bytes:
            raise FileNotFoundError(path)

    found = [entry.path for entry in walk(Made(), IgnoreRules(), 0)]
    assert found == sorted(found)
    assert len(found) == sum((b"x.mp3", False) in items for items in folders.values())
