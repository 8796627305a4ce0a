"""Check of the music roots: what the last scan of each said, and whether it can be listed now."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from soundalike.catalog import roots
from soundalike.catalog.engine import Sessions
from soundalike.errors import LibraryError
from soundalike.sources.ignore import IgnoreRules
from soundalike.sources.roots import MusicRoot


@dataclass(frozen=True)
class RootState:
    """A music root as it is now: how many files the catalog lists in it, and what is wrong.

    `name` is what clients know it by, empty before the first scan, as `scanned_at` is None.
    """

    name: str
    shown: str
    files: int
    scanned_at: dt.datetime | None
    problems: list[str]


def check_roots(
    sessions: Sessions, configured: Iterable[str], extensions: frozenset[str]
) -> list[RootState]:
    """Check each root of the catalog, and each configured one that is not in it.

    A root is listed only up to its first file: the check is quick in any library.
    """
    with sessions() as session:
        known = [
            (MusicRoot(row.location), roots.count_listed(session, row.id), row)
            for row in roots.roots(session)
        ]
    states = []
    for root, files, row in known:
        now = _problem_now(root, files, extensions)
        states.append(RootState(row.name, root.shown, files, row.scanned_at, [*row.problems, *now]))
    others = [name for name in configured if not _is_known(name, [root for root, *_ in known])]
    return states + [RootState("", name, 0, None, [_why_not_known(name)]) for name in others]


def _problem_now(root: MusicRoot, files: int, extensions: frozenset[str]) -> list[str]:
    """Return why the root cannot be listed now, if it cannot."""
    try:
        root.require()
    except LibraryError:
        return [f"it is not there now, with {files} known files; is the disk mounted?"]
    first = next(root.entries(IgnoreRules(extensions), settle_seconds=0), None)
    if first is None:
        return [f"it is empty now, with {files} known files; is the disk mounted?"] if files else []
    return [] if first.path else [f"it cannot be listed now: {first.reason}"]


def _is_known(name: str, known: Iterable[MusicRoot]) -> bool:
    try:
        named = MusicRoot.named(name)
    except LibraryError:
        return False
    return any(named.is_within(root) for root in known)


def _why_not_known(name: str) -> str:
    try:
        MusicRoot.named(name).require()
    except LibraryError as error:
        return f"it is configured and cannot be used: {error}"
    return "it is configured and was not scanned yet"
