"""Stage `library`: compare the music roots with the catalog and seal new files into batches."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from soundalike.catalog import failures, library, roots
from soundalike.catalog.engine import Sessions
from soundalike.catalog.state import state_of
from soundalike.display_text import printable
from soundalike.errors import LibraryError
from soundalike.ingest.balance import Balance
from soundalike.ingest.compare import Change, change_of, side_by_side
from soundalike.ingest.own_folders import leave_out_own_folders
from soundalike.settings import MUSIC_EXTENSIONS, Settings
from soundalike.sources.entry import Entry, EntryKind
from soundalike.sources.folder import LinkedPartError
from soundalike.sources.ignore import IgnoreRules
from soundalike.sources.roots import MusicRoot

ROOT_ADVICE = (
    "if it was moved: soundalike roots move OLD NEW; if it is gone for good: soundalike roots "
    "remove OLD"
)
WORK = frozenset((Change.NEW, Change.CHANGED, Change.AGAIN, Change.OUTDATED))


@dataclass(frozen=True)
class ScanRules:
    """Rules of a scan.

    `settle_seconds`: a file changed more recently is still being written. `batch_tracks`: the most
    files in a batch. `extensions`: those of music files. `data`: the data root, which is never
    scanned. The others bound a track's length.
    """

    settle_seconds: float
    batch_tracks: int
    extensions: frozenset[str] = MUSIC_EXTENSIONS
    shortest_seconds: float = 0.0
    longest_seconds: float = float("inf")
    data: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "ScanRules":
        """Return the rules that the settings give."""
        return cls(
            settle_seconds=settings.settle_seconds,
            batch_tracks=settings.batch_tracks,
            extensions=settings.extensions,
            shortest_seconds=settings.shortest_seconds,
            longest_seconds=settings.longest_seconds,
            data=settings.data,
        )


@dataclass
class ScanReport:
    """Results of a scan over all roots.

    `state` is the hash of the catalog's roots and files after the scan. `balance` counts what the
    roots hold. `batches` are those that it sealed, with their number of files. `problems` are
    messages for users. If there are `folders`, all but `state` is of these alone.
    """

    state: str = ""
    balance: Balance = field(default_factory=Balance)
    changes: Counter[Change] = field(default_factory=Counter)
    gone: int = 0
    batches: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    folders: tuple[str, ...] = ()

    @property
    def music(self) -> int:
        """Number of music files that are present, those still being written included."""
        return self.balance.music + self.balance.changing


def scan(
    sessions: Sessions,
    rules: ScanRules,
    *,
    confirm_removals: bool = False,
    folders: Sequence[str] = (),
) -> ScanReport:
    """List every root, record all differences and seal the work, in one transaction.

    Or only these folders of the roots, and a root as a whole where links forbid that. A root that
    cannot be listed, or that has lost more than half of its known files, is left as it is unless
    `confirm_removals`. Raises LibraryError if there is no root at all, or a folder is in none.
    """
    report = ScanReport(folders=tuple(folders))
    with sessions.begin() as session:
        library.lock_scan(session)
        library.set_length_rule(session, rules.shortest_seconds, rules.longest_seconds)
        known = roots.roots(session)
        if not known:
            raise LibraryError(
                "no music folder is known: run `soundalike ingest FOLDER`, or set SOUNDALIKE_MUSIC"
            )
        if rules.data:
            leave_out_own_folders(rules.data)
        for folder in folders:
            if not any(parts_of(MusicRoot(row.location), [folder]) for row in known):
                raise LibraryError(f"{printable(folder)} is in no music folder of the library")
        for row in known:
            root = MusicRoot(row.location)
            for within in parts_of(root, folders) if folders else [b""]:
                try:
                    _scan_root(session, row.id, root, rules, report, confirm_removals, within)
                except LinkedPartError:
                    _scan_root(session, row.id, root, rules, report, confirm_removals)
        report.state = state_of(session)
    return report


def _scan_root(
    session: Session,
    root_id: int,
    root: MusicRoot,
    rules: ScanRules,
    report: ScanReport,
    confirm_removals: bool,
    within: bytes = b"",
) -> None:
    """Scan one root in a savepoint; an implausible result is undone, with its new batches.

    Or what is `within` one of its folders, which is no scan of the root.
    """
    newest = library.newest_batch(session)
    findings = _Findings(session, root_id, rules.batch_tracks)
    with session.begin_nested() as savepoint:
        listing = root.entries(IgnoreRules(rules.extensions), rules.settle_seconds, within)
        with closing(library.known_files(session, root_id, within)) as known_files:
            for known, entry in side_by_side(known_files, listing):
                findings.add(change_of(known, entry), known, entry)
        present = findings.count_present(newest) if findings.missing else 0
        findings.finish(confirm_removals)
        lost = len(findings.missing) - library.count_moved(session, findings.missing, newest)
        is_plausible = confirm_removals or lost * 2 <= present
        if is_plausible and not within:
            failures.retry_reappeared(session, root_id, findings.unseen)
        elif not is_plausible:
            savepoint.rollback()
    report.balance += findings.balance
    if is_plausible:
        report.changes += findings.changes
        report.gone += len(findings.gone)
        report.batches |= findings.batches
    else:
        findings.problems.append(
            f"{lost} of {present} known files are missing; is the disk mounted? "
            "Nothing was changed. If they are really gone: soundalike ingest --confirm-removals"
        )
    if not within:
        library.record_scan(session, root_id, list(map(printable, findings.problems)))
    report.problems += [f"{root.shown}: {problem}" for problem in findings.problems]


def parts_of(root: MusicRoot, folders: Iterable[str]) -> list[bytes]:
    """Return which parts of the root these folders are, by relative paths that end with slashes.

    None is in another. Empty is the root itself; a bucket has no other part.
    """
    named = [MusicRoot(os.fsencode(folder)) for folder in folders]
    if any(root.is_within(each) for each in named):
        return [b""]
    inside = sorted({each.relative_to(root) + b"/" for each in named if each.is_within(root)})
    if inside and root.is_bucket:
        return [b""]
    return [path for path in inside if not any(is_in(path, other) for other in inside)]


def is_in(path: bytes, folder: bytes) -> bool:
    """Return whether a folder is in another one; both end with slashes."""
    return path != folder and path.startswith(folder)


class _Findings:
    """The recorder of a root's pairs; holds at most one batch's work, and ids of other changes."""

    def __init__(self, session: Session, root_id: int, batch_tracks: int) -> None:
        self._session, self._root_id, self._batch_tracks = session, root_id, batch_tracks
        self._work: list[tuple[int | None, Entry]] = []
        self._retagged: set[int] = set()
        self._returned: list[int] = []
        self.unseen: list[int] = []
        self.missing: list[int] = []
        self.gone: list[int] = []
        self._lists = {
            Change.RETURNED: self._returned,
            Change.MISSING: self.missing,
            Change.UNSEEN: self.unseen,
            Change.LEFT_OUT: self.gone,
        }
        self.balance = Balance()
        self.changes: Counter[Change] = Counter()
        self.batches: dict[str, int] = {}
        self.problems: list[str] = []
        self._told: Entry | None = None
        self._unchanged = self._sealed_anew = 0

    def add(self, change: Change, known: library.KnownFile | None, entry: Entry | None) -> None:
        """Take one pair and its change."""
        if change is Change.NONE and entry and entry.kind is EntryKind.MUSIC:
            self._unchanged += 1  # nearly all of a large library
            return
        self.changes[change] += 1
        if entry and (known is None or known.path == entry.path):
            self.balance.add(entry)
        hides = entry and (not entry.hides_only or change is Change.UNSEEN)
        if entry and entry.reason and hides and entry is not self._told:
            self.problems.append(f"{entry.shown or 'all of it'}: {entry.reason}")
            if not entry.path:
                self.problems.append(ROOT_ADVICE)
            self._told = entry
        if entry and change in WORK:
            self._work.append((known.id if known else None, entry))
            self._sealed_anew += known is not None and not known.gone
            if known and change is Change.OUTDATED and known.tags_version >= 0:
                self._retagged.add(known.id)
            if len(self._work) == self._batch_tracks:
                self._seal()
        elif known and change in self._lists:
            self._lists[change].append(known.id)

    def count_present(self, newest_batch: int) -> int:
        """Count the files that the root had before the scan, whose newest batch then was this."""
        self._seal()
        listed = roots.count_listed(self._session, self._root_id, newest_batch)
        return listed + self._sealed_anew

    def finish(self, confirm_removals: bool) -> None:
        """Seal the rest, and record the files that are gone and those that returned."""
        self._seal()
        if self._unchanged:
            self.changes[Change.NONE] += self._unchanged
            self.balance.music += self._unchanged
        self.gone += self.missing + (self.unseen if confirm_removals else [])
        library.mark_gone(self._session, self.gone)
        library.mark_returned(self._session, self._returned)

    def _seal(self) -> None:
        if not self._work:
            return
        key = library.seal(self._session, self._root_id, self._work, self._retagged)
        self.batches[key] = len(self._work)
        self._work, self._retagged = [], set()
