"""Watching music roots: when their music changed, as the operating system reports it.

Nothing is read here: an event only says that a scan would find something. Ignore files are not
applied, so a change of an excluded file leads to a scan that finds nothing.
"""

import errno
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver

from soundalike.display_text import shown
from soundalike.sources.folder_events import start_observer, still_reports
from soundalike.sources.ignore import IGNORE_FILE, IgnoreRules, is_bin, is_hidden
from soundalike.sources.mounts import unreported
from soundalike.sources.roots import MusicRoot

MAX_FOLDERS = 100  # in which changes are told apart
LIMITS = Path("/proc/sys/fs/inotify")
STARTING = "is not watched yet: its folders are being listed"

log = structlog.get_logger()


@dataclass(frozen=True)
class Changes:
    """Changes below music roots: when the first and the last were (UNIX time), and the last.

    `number` is 0 if none was reported, but watching began, so that there may have been some before.
    `folders` have all of them; empty if there are too many to name.
    """

    first: float
    last: float
    number: int
    example: str
    folders: frozenset[Path] = frozenset()


class ChangeLog:
    """The changes that no scan has seen yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes: Changes | None = None

    def add(self, path: Path, folders: Iterable[Path], number: int = 1) -> None:
        """Add a change in these folders, which is now; with a `number` of 0, watching began now."""
        now, example = time.time(), shown(os.fsencode(path))
        with self._lock:
            known = self._changes or Changes(now, now, 0, example)
            number += known.number
            named = known.folders.union(folders)
            if (self._changes and not known.folders) or len(named) > MAX_FOLDERS:
                named = frozenset()
            self._changes = Changes(known.first, now, number, example, named)

    def after(self, seen: float) -> Changes | None:
        """Return the changes, unless all are from before `seen` (UNIX time); forget those."""
        with self._lock:
            if self._changes and self._changes.last <= seen:
                self._changes = None
            return self._changes


class RootWatch(FileSystemEventHandler):
    """A watch on one music root, which starts in a thread: listing a large root takes minutes.

    `problem` says why nothing is reported (yet), or is "".
    """

    def __init__(self, folder: Path, rules: IgnoreRules, left_out: Path, log: ChangeLog) -> None:
        self._folder, self._rules, self._log = folder, rules, log
        self._left_out = left_out if left_out.is_relative_to(folder) else None
        self._identity = _identity(folder)
        self._observer: BaseObserver | None = None
        self._at_limit = False
        self._stopped = threading.Event()
        self.problem = STARTING
        threading.Thread(target=self._start, name=f"watch {folder}", daemon=True).start()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Report the event if a scan would look at what it is about."""
        if self._stopped.is_set():  # the observer's threads end later
            return
        places = event.dest_path, event.src_path  # the new place of what was moved is first
        named = [Path(os.fsdecode(path)) for path in places if path]
        files = [file for file in named if self._concerns(file, event.is_directory)]
        if files:
            self._log.add(files[0], [self._part(file, event.is_directory) for file in files])

    def is_current(self, rules: IgnoreRules) -> bool:
        """Return whether it watches what is at the root's path now, for what these rules take.

        Disks come and go, and rules are switched.
        """
        if self._identity != _identity(self._folder) or self._rules != rules:
            return False
        if self._observer:
            return still_reports(self._observer)
        return self._at_limit or self.problem == STARTING

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        if self._observer:
            self._observer.stop()

    def _start(self) -> None:
        try:
            observer = start_observer(str(self._folder), self)
        except Exception as error:  # of whatever kind: in a thread, nobody else would see it
            self._at_limit = getattr(error, "errno", 0) in (errno.ENOSPC, errno.EMFILE)
            reason = _in_words(error)
            if self._at_limit:  # others are tried again at each tick, which says so
                root = shown(os.fsencode(self._folder))
                log.warning("music.not_watched", root=root, reason=reason)
            self.problem = reason
            return
        self._observer = observer
        if self._stopped.is_set():
            observer.stop()
            return
        self.problem = ""
        self._log.add(self._folder, [self._folder], 0)  # what changed until now was not reported

    def _part(self, path: Path, is_folder: bool) -> Path:
        """Return the folder whose listing tells of the change."""
        return path if is_folder or path == self._folder else path.parent

    def _concerns(self, path: Path, is_folder: bool) -> bool:
        if not path.is_relative_to(self._folder):
            return False
        if self._left_out and path.is_relative_to(self._left_out):
            return False
        names = [os.fsencode(part) for part in path.relative_to(self._folder).parts] or [b""]
        if names[-1] == IGNORE_FILE:
            return True
        if any(is_hidden(name) or is_bin(name) for name in names):
            return False
        return is_folder or self._rules.is_music(names[-1])


class Watcher:
    """The watches on all music roots, and what they reported. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._log = ChangeLog()
        self._watches: dict[MusicRoot, RootWatch] = {}
        self._unwatchable: dict[MusicRoot, str] = {}

    def follow(self, roots: Iterable[MusicRoot], rules: IgnoreRules, left_out: Path) -> None:
        """Watch these roots and no others, except for what is below `left_out`.

        A root that went and came back is watched again, and counts as changed; so are all of them
        when the rules are others.
        """
        wanted = set(roots)
        with self._lock:
            for root, watch in list(self._watches.items()):
                if root not in wanted or not watch.is_current(rules):
                    watch.stop()
                    del self._watches[root]
            new = wanted - self._watches.keys()
            self._unwatchable = {root: why for root in new if (why := _unwatchable(root))}
            for root in new - self._unwatchable.keys():
                self._watches[root] = RootWatch(root.folder, rules, left_out, self._log)

    def stop(self) -> None:
        """Stop all watches, and forget what they reported."""
        self.follow((), IgnoreRules(), Path())
        self._log = ChangeLog()

    def problems(self) -> dict[MusicRoot, str]:
        """Return why a root is not watched, for each that is not."""
        with self._lock:
            failed = {root: w.problem for root, w in self._watches.items() if w.problem}
            return {**self._unwatchable, **failed}

    def changes(self, after: float) -> Changes | None:
        """Return the changes, unless all are from before `after` (UNIX time); forget those."""
        return self._log.after(after)


def _unwatchable(root: MusicRoot) -> str:
    if root.is_bucket:
        return "is a bucket, which reports no changes"
    # The mount is first: looking for a folder may take for ever if its server does not answer.
    return unreported(root.folder) or ("" if root.folder.is_dir() else "is not there")


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells the folder from another at the same path, as after a mount."""
    try:
        state = folder.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _in_words(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.ENOSPC:
        return f"has more folders than may be watched: raise {_limit('max_user_watches')}"
    if number == errno.EMFILE:
        return f"cannot be watched as well: raise {_limit('max_user_instances')}"
    return f"cannot be watched ({getattr(error, 'strerror', None) or repr(error)})"


def _limit(name: str) -> str:
    file = LIMITS / name
    now = f" (now {file.read_text().strip()})" if file.is_file() else ""
    return f"fs.inotify.{name}{now} and restart `soundalike up`"
