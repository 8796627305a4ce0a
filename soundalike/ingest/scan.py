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
from soundalike.ingest.findings import Findings
from soundalike.ingest.own_folders import leave_out_own_folders
from soundalike.settings import MUSIC_EXTENSIONS, Settings
from soundalike.sources.folder import LinkedPartError
from soundalike.sources.ignore import IgnoreRules
from soundalike.sources.roots import MusicRoot


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
    findings = Findings(session, root_id, rules.batch_tracks)
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
