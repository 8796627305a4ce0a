"""Changes of music must be noticed wherever they happen, and nothing else must count as one."""

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchdog.events import FileCreatedEvent

from soundalike.sources import watching
from soundalike.sources.ignore import IgnoreRules
from soundalike.sources.roots import MusicRoot
from soundalike.sources.watching import STARTING, ChangeLog, Changes, RootWatch, Watcher
from tests.patience import until

RULES = IgnoreRules()
NONE = Changes(0, 0, 0, "")
linux = pytest.mark.skipif(sys.platform != "linux", reason="limits of inotify")


def root(folder: Path) -> MusicRoot:
    return MusicRoot(os.fsencode(folder))


class Watched:
    """A music root that is watched."""

    def __init__(self, watcher: Watcher, folder: Path) -> None:
        self.watcher, self.folder = watcher, folder
        self.left_out = folder / "data"
        self.marks = 0

    def follow(self, *folders: Path) -> None:
        roots = [root(folder) for folder in folders or (self.folder,)]
        self.watcher.follow(roots, RULES, self.left_out)

    def ready(self) -> None:
        """Everything that is watched has reported itself; that is forgotten."""
        until(lambda: STARTING not in self.watcher.problems().values())
        until(lambda: self.watcher.changes(0))
        self.watcher.changes(time.time())

    def changed(self) -> Changes:
        """The next changes, which are forgotten."""
        until(lambda: self.watcher.changes(0))
        changes = self.watcher.changes(0)
        assert changes is not None
        self.watcher.changes(changes.last)
        return changes

    def mark(self, folder: Path | None = None) -> Changes:
        """Every change of a root so far, and one more: none of them can arrive later.

        The one more is a link, which is one event: a file is made, written and closed.
        """
        self.marks += 1
        mark = f"mark {self.marks}.mp3"
        (folder or self.folder).joinpath(mark).symlink_to("nowhere")
        until(lambda: (self.watcher.changes(0) or NONE).example.endswith(mark))
        return self.watcher.changes(0) or NONE

    def settled(self, folder: Path | None = None) -> int:
        """The number of changes of a root so far, which are forgotten."""
        changes = self.mark(folder)
        self.watcher.changes(changes.last)
        return changes.number - 1


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watcher = Watcher()
    (tmp_path / "music" / "album").mkdir(parents=True)
    (tmp_path / "music" / "album" / "old.flac").touch()
    made = Watched(watcher, tmp_path / "music")
    made.follow()
    made.ready()
    yield made
    watcher.stop()


def test_music_that_is_added_changed_moved_or_removed_is_noticed(watched: Watched) -> None:
    album = watched.folder / "album"
    (album / "new.mp3").write_bytes(b"x")
    assert watched.changed().example == str(album / "new.mp3")
    watched.settled()
    (album / "new.mp3").rename(album / "renamed.mp3")
    assert watched.changed().example == str(album / "renamed.mp3")
    watched.settled()
    (album / "renamed.mp3").rename(watched.folder.parent / "away.mp3")
    assert watched.changed().example == str(album / "renamed.mp3")
    watched.settled()
    (album / "old.flac").unlink()
    assert watched.changed().example == str(album / "old.flac")


def test_a_folder_is_noticed_and_what_happens_in_it_later(watched: Watched) -> None:
    elsewhere = watched.folder.parent / "elsewhere" / "disc 1"
    elsewhere.mkdir(parents=True)
    (watched.folder / "made" / "deep").mkdir(parents=True)
    elsewhere.parent.rename(watched.folder / "moved in")
    watched.settled()
    for folder in ("made/deep", "moved in", "moved in/disc 1"):
        (watched.folder / folder / "later.mp3").touch()
        assert watched.changed().example == str(watched.folder / folder / "later.mp3")
        watched.settled()


def test_an_ignore_file_and_a_name_that_is_not_utf8_are_noticed(watched: Watched) -> None:
    (watched.folder / ".soundalikeignore").write_text("*.m4b")
    assert watched.changed().example.endswith(".soundalikeignore")
    watched.settled()
    Path(os.fsdecode(os.fsencode(watched.folder) + b"/caf\xe9.mp3")).touch()
    assert watched.changed().example.endswith("caf\\xe9.mp3")


def test_what_a_scan_would_not_look_at_is_no_change(watched: Watched) -> None:
    folder = watched.folder
    (folder / "cover.jpg").write_bytes(b"x")
    (folder / "album" / ".hidden.mp3").write_bytes(b"x")
    (folder / ".trash").mkdir()
    (folder / ".trash" / "old.mp3").write_bytes(b"x")
    (folder / "data").mkdir()
    (folder / "data" / "derived.flac").write_bytes(b"x")
    (folder / "album" / "old.flac").read_bytes()
    assert watched.settled() == 0


def test_changes_that_a_scan_has_seen_are_forgotten_and_later_ones_kept(watched: Watched) -> None:
    (watched.folder / "a.mp3").touch()
    first, later = watched.mark(), watched.mark()
    assert later.first == first.first < first.last < later.last
    assert watched.watcher.changes(first.last) == later
    assert watched.watcher.changes(later.last - 0.001) is not None
    assert watched.watcher.changes(time.time()) is None
    assert watched.watcher.changes(0) is None
    (watched.folder / "b.mp3").touch()
    assert watched.changed().first > later.last


def test_the_folders_in_which_something_changed_are_named(watched: Watched) -> None:
    album, other = watched.folder / "album", watched.folder / "other"
    other.mkdir()
    watched.settled(album)
    (album / "old.flac").rename(other / "new.flac")
    assert watched.mark(album).folders == {album, other}
    watched.settled(album)
    other.rename(watched.folder / "renamed")
    assert watched.mark(album).folders == {album, other, watched.folder / "renamed"}


def test_changes_in_too_many_folders_name_none(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MAX_FOLDERS", 3)
    album, first, second, third = (watched.folder / f"album{of}" for of in ("", " 1", " 2", " 3"))
    first.mkdir()
    second.mkdir()
    assert watched.mark(album).folders == {album, first, second}
    third.mkdir()
    assert watched.mark(album).folders == frozenset()


def test_a_copy_of_many_files_is_one_row_of_changes(watched: Watched) -> None:
    for number in range(2000):
        (watched.folder / "album" / f"{number}.mp3").touch()
    changes = watched.mark()
    assert changes.number > 2000
    assert changes.first < changes.last
    assert watched.watcher.changes(time.time()) is None


def test_roots_that_are_added_are_watched_and_removed_ones_no_longer(watched: Watched) -> None:
    other = watched.folder.parent / "other"
    other.mkdir()
    watched.follow(watched.folder, other)
    assert watched.changed().example == str(other), "what is in it already is not known"
    (other / "a.mp3").touch()
    assert watched.changed().example == str(other / "a.mp3")
    watched.settled(other)
    watched.follow(watched.folder)
    (other / "b.mp3").touch()
    assert watched.settled() == 0


def test_rules_that_are_switched_hold_for_what_is_watched_already(watched: Watched) -> None:
    rules = IgnoreRules(frozenset({"mod"}))
    watched.watcher.follow([root(watched.folder)], rules, watched.left_out)
    until(lambda: not watched.watcher.problems())
    (watched.folder / "a.mp3").touch()
    (watched.folder / "a.mod").touch()
    until(lambda: (watched.watcher.changes(0) or NONE).number)
    assert watched.changed().example == str(watched.folder / "a.mod")


def test_what_is_not_watched_any_more_reports_nothing(watched: Watched) -> None:
    log = ChangeLog()
    watch = RootWatch(watched.folder, RULES, watched.left_out, log)
    until(lambda: not watch.problem)
    until(lambda: log.after(0))
    log.after(time.time())
    watch.stop()
    watch.on_any_event(FileCreatedEvent(str(watched.folder / "late.mp3")))
    assert log.after(0) is None


def test_a_watcher_that_is_stopped_forgets_what_was_reported(watched: Watched) -> None:
    watched.mark()
    watched.watcher.stop()
    assert watched.watcher.changes(0) is None


def test_a_root_that_goes_and_comes_back_is_watched_again(watched: Watched) -> None:
    away = watched.folder.parent / "away"
    watched.folder.rename(away)
    watched.follow()
    assert list(watched.watcher.problems().values()) == ["is not there"]
    shutil.copytree(away, watched.folder)  # other folders at the same path, as after a mount
    watched.follow()
    watched.ready()
    assert watched.watcher.problems() == {}
    (watched.folder / "album" / "new.mp3").touch()
    assert watched.changed().example == str(watched.folder / "album" / "new.mp3")


def test_what_cannot_be_watched_is_said_in_words(watched: Watched) -> None:
    bucket = MusicRoot.named("s3://bucket/music")
    watched.watcher.follow([bucket, root(watched.folder / "gone")], RULES, watched.left_out)
    assert watched.watcher.problems() == {
        bucket: "is a bucket, which reports no changes",
        root(watched.folder / "gone"): "is not there",
    }


def test_a_root_that_could_not_be_watched_is_tried_again(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    other = watched.folder.parent / "other"
    other.mkdir()
    with monkeypatch.context() as first:
        first.setattr(watching, "start_observer", refused)
        watched.follow(watched.folder, other)
        until(lambda: STARTING not in watched.watcher.problems().values())
    why = "cannot be watched (Permission denied)"
    assert watched.watcher.problems() == {root(other): why}
    watched.follow(watched.folder, other)
    until(lambda: watched.watcher.problems() == {})
    assert watched.changed().example == str(other), "what changed until now is not known"


# Limits and mounts are a user namespace's own, so that no other program is disturbed.
IN_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec")
COMMON = """
import os, subprocess, sys, time
from pathlib import Path
from soundalike.sources.ignore import IgnoreRules
from soundalike.sources.roots import MusicRoot
from soundalike.sources.watching import STARTING, Watcher

folder = Path(sys.argv[1])
watcher = Watcher()

def follow():
    watcher.follow([MusicRoot(os.fsencode(folder))], IgnoreRules(), Path("/data"))
    while STARTING in watcher.problems().values():
        time.sleep(0.01)

def handles():
    links = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    return sum("inotify" in str(os.readlink(link)) for link in links if link.is_symlink())

follow()
"""
LIMITED = """
tried = watcher._watches.copy()
follow()
assert tried == watcher._watches, "tried again every few seconds"
print(*watcher.problems().values(), handles())
"""
UNMOUNTED = """
def notices(name):
    watcher.changes(time.time())
    (folder / name).touch()
    while (changes := watcher.changes(0)) is None or not changes.example.endswith(name):
        time.sleep(0.01)

notices("on the disk.mp3")
subprocess.run(["umount", folder], check=True)
follow()
notices("below it.mp3")
subprocess.run(["mount", "-t", "tmpfs", "disk", folder], check=True)
follow()
notices("on the next disk.mp3")
print(watcher.problems(), handles())
"""


def in_namespace(folder: Path, shell: str, program: str) -> str:
    command = [*IN_NAMESPACE, shell + ' && exec "$0" "$@"', sys.executable, "-c", COMMON + program]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    if "unshare" in done.stderr:
        pytest.skip(f"no user namespaces here: {done.stderr}")
    assert done.stderr == ""
    return done.stdout


@linux
@pytest.mark.parametrize(
    ("limit", "value", "named"),
    [("watches", 20, "max_user_watches"), ("instances", 0, "max_user_instances")],
)
def test_a_limit_of_the_system_is_said_and_nothing_is_taken_for_no_one(
    tmp_path: Path, limit: str, value: int, named: str
) -> None:
    for number in range(30):
        (tmp_path / str(number)).mkdir()
    # Not /proc/sys/fs/inotify, which is the whole machine's in a namespace too.
    said = in_namespace(tmp_path, f"echo {value} > /proc/sys/user/max_inotify_{limit}", LIMITED)
    assert f"raise fs.inotify.{named} (now " in said
    assert said.count("music.not_watched") == 1, "the log says it once"
    assert "and restart `soundalike up`" in said
    assert said.split()[-1] == "0", "watches that no one uses were kept"


@linux
def test_a_disk_that_is_unmounted_and_mounted_again_is_watched_again(tmp_path: Path) -> None:
    said = in_namespace(tmp_path, f"mount -t tmpfs disk '{tmp_path}'", UNMOUNTED)
    assert said == "{} 1\n", "one watch, and no problem"
