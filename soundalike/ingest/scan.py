"""Stage `library`: compare the music roots with the catalog and seal what is new into batches."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from soundalike.catalog import library
from soundalike.catalog.engine import Sessions
from soundalike.catalog.library import FoundFile, KnownFile, shown
from soundalike.errors import LibraryError
from soundalike.ingest.listing import Listing, list_root


@dataclass
class ScanReport:
    """What a scan found and did, over all roots. `problems` are for people to read."""

    music: int = 0
    other_files: int = 0
    new: int = 0
    changed: int = 0
    tried_again: int = 0
    returned: int = 0
    gone: int = 0
    changing: int = 0
    batches: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def register_roots(sessions: Sessions, folders: Iterable[Path]) -> None:
    """Add folders to the library's music roots. One inside a known root is there already.

    Raises LibraryError for a folder that does not exist, is no folder, or holds a known root.
    """
    for folder in folders:
        with sessions.begin() as session:
            known = [Path(os.fsdecode(root.location)) for root in library.roots(session)]
            if any(folder.is_relative_to(root) for root in known):
                continue
            path = _existing(folder)
            if any(path.is_relative_to(root) for root in known):
                continue
            inside = [root for root in known if root.is_relative_to(path)]
            if inside:
                raise LibraryError(
                    f"{path} holds {inside[0]}, which is a music root already; "
                    "its tracks would be there twice. Use another data root (SOUNDALIKE_DATA)."
                )
            library.add_root(session, os.fsencode(path))


def register_configured(sessions: Sessions, folders: Iterable[Path]) -> list[str]:
    """As `register_roots`, but one folder that is missing does not stop the others.

    Returns what is wrong with those that could not be added.
    """
    problems = []
    for folder in folders:
        try:
            register_roots(sessions, [folder])
        except LibraryError as error:
            problems.append(str(error))
    return problems


def require_music(folders: Iterable[Path]) -> None:
    """Raises LibraryError for a folder without music, so that a wrong one is noticed at once."""
    for folder in folders:
        listing = list_root(_existing(folder), settle_seconds=0)
        if not (listing.music or listing.changing):
            others = f"{listing.other_files} other files" if listing.other_files else "it is empty"
            raise LibraryError(
                f"{shown(folder)} holds no music ({others}); what counts as music is told by the "
                "file's extension: mp3, flac, ogg, opus, m4a, wav, aiff, wma and others"
            )


def _existing(folder: Path) -> Path:
    try:
        path = folder.expanduser().resolve()
        if path.is_dir():
            return path
        what = "is not a folder" if path.exists() else "does not exist"
    except (OSError, RuntimeError) as error:  # RuntimeError: ~somebody who is not there
        what = f"cannot be looked at ({error})"
    raise LibraryError(f"{shown(folder)} {what}; name the folder that holds your music")


def scan(
    sessions: Sessions, *, settle_seconds: float, batch_tracks: int, confirm_removals: bool = False
) -> ScanReport:
    """List every root, then record all differences and seal the work in one transaction.

    A root that cannot be listed, or where less than half of the known files are found, keeps all
    it has unless `confirm_removals`. Raises LibraryError if there is no root at all.
    """
    with sessions() as session:
        roots = [(root.id, Path(os.fsdecode(root.location))) for root in library.roots(session)]
    if not roots:
        raise LibraryError(
            "no music folder is known: run `soundalike ingest FOLDER`, or set SOUNDALIKE_MUSIC"
        )
    listings = {root_id: list_root(path, settle_seconds) for root_id, path in roots}
    report = ScanReport()
    work: list[tuple[int, int | None, FoundFile]] = []
    with sessions.begin() as session:
        library.hold_scan(session)
        for root_id, path in roots:
            known = library.known_files(session, root_id)
            found = _compare(path, listings[root_id], known, report)
            work += [(root_id, file_id, file) for file_id, file in found.work]
            library.mark_returned(session, found.returned)
            reason = _keep_because(known, found.gone, listings[root_id])
            if reason and not confirm_removals:
                report.problems.append(f"{shown(path)}: {reason}")
            else:
                library.mark_gone(session, found.gone)
                report.gone += len(found.gone)
        report.batches = library.seal(session, work, batch_tracks)
    return report


@dataclass
class _Difference:
    work: list[tuple[int | None, FoundFile]]
    returned: list[int]
    gone: list[int]


def _compare(
    root: Path, listing: Listing, known: dict[bytes, KnownFile], report: ScanReport
) -> _Difference:
    seen = {file.path for file in (*listing.music, *listing.changing)}
    difference = _Difference([], [], [])
    for file in listing.music:
        before = known.get(file.path)
        if before is None:
            report.new += 1
            difference.work.append((None, file))
        elif (before.size, before.mtime_ns) != (file.size, file.mtime_ns):
            report.changed += 1
            difference.work.append((before.id, file))
        elif before.gone and before.identified:
            difference.returned.append(before.id)
        elif before.gone or (before.may_heal and os.access(root / os.fsdecode(file.path), os.R_OK)):
            report.tried_again += 1
            difference.work.append((before.id, file))
    difference.gone = [
        file.id for path, file in known.items() if path not in seen and not file.gone
    ]
    report.music += len(seen)
    report.other_files += listing.other_files
    report.changing += len(listing.changing)
    report.returned += len(difference.returned)
    report.problems += listing.problems
    return difference


def _keep_because(known: dict[bytes, KnownFile], gone: list[int], listing: Listing) -> str | None:
    """Why missing files must not count as removed: a listing that failed is not an empty one."""
    present = sum(not file.gone for file in known.values())
    if gone and listing.problems:
        return "nothing was removed, because not all of it could be listed"
    if len(gone) * 2 > present:
        return (
            f"{len(gone)} of {present} known files are missing; is the disk mounted? Nothing was "
            "removed. If they are really gone: soundalike ingest --confirm-removals"
        )
    return None
