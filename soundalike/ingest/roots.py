"""The life of music roots: adding, removing and moving them, in words."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy.orm import Session

from soundalike.catalog import library, roots
from soundalike.catalog.engine import Sessions
from soundalike.catalog.tables import RootRow
from soundalike.display_text import shown
from soundalike.errors import LibraryError
from soundalike.sources.roots import MusicRoot


def register_roots(sessions: Sessions, names: Iterable[str]) -> list[str]:
    """Add folders or buckets to the library; skip those inside a known root.

    One that holds known roots takes them over, with all that is known of their files. Returns
    messages about that. Raises LibraryError for a path that does not exist or is not a folder.
    """
    told: list[str] = []
    for root in map(MusicRoot.named, names):
        with sessions.begin() as session:
            library.lock_scan(session)
            known = roots.roots(session)
            if any(root.is_within(MusicRoot(other.location)) for other in known):
                continue
            root.require()
            parent = roots.add_root(session, root.location)
            told += _take_over(session, parent, root)
    return told


def _take_over(session: Session, parent: int, root: MusicRoot) -> Iterable[str]:
    """Make the roots inside of `root`, removed ones too, a part of it."""
    for row in (*roots.roots(session), *roots.removed_roots(session)):
        child = MusicRoot(row.location)
        if row.id != parent and child.is_within(root):
            path = child.relative_to(root) + b"/"
            is_root = row.removed_at is None
            files = roots.take_over(session, parent, row.id, path, shown(path))
            if is_root:
                yield f"{child.shown} is a part of {root.shown} now, with its {files} known files"


def register_configured(sessions: Sessions, names: Sequence[str]) -> list[str]:
    """Add each root as `register_roots` does; one that fails does not stop the others.

    Returns messages: of those that could not be added, and of roots that `names` (those of
    SOUNDALIKE_MUSIC) had once and has no more.
    """
    told: list[str] = []
    for name in names:
        try:
            told += register_roots(sessions, [name])
        except LibraryError as error:
            told.append(str(error))
    if names:
        with sessions.begin() as session:
            told += _no_longer_configured(session, names)
    return told


def _no_longer_configured(session: Session, names: Sequence[str]) -> list[str]:
    named = {MusicRoot.named(name).location for name in names}
    known = roots.roots(session)
    ours = [row.id for row in known if row.location in named]
    roots.mark_configured(session, ours, configured=True)
    told = []
    for row in known:
        if row.configured and row.location not in named:
            place, files = MusicRoot(row.location).shown, roots.count_listed(session, row.id)
            told.append(
                f"{place} is no longer in SOUNDALIKE_MUSIC; its {files} files stay. To take it "
                f"away: soundalike roots remove '{place}'; to keep it: soundalike roots add "
                f"'{place}'"
            )
    return told


def read_again(sessions: Sessions, names: Sequence[str]) -> int:
    """Have the next scan read files again although they look as they did; return their number.

    All files of the library, or those of these folders, each a root or in one. Raises LibraryError
    for a folder that is in none.
    """
    with sessions.begin() as session:
        library.lock_scan(session)
        if not names:
            return library.read_again(session)
        known = [(row.id, MusicRoot(row.location)) for row in roots.roots(session)]
        files = 0
        for folder in map(MusicRoot.named, names):
            around = [(id_, root) for id_, root in known if folder.is_within(root)]
            if not around:
                raise LibraryError(f"{folder.shown} is in no music folder of the library")
            root_id, root = around[0]
            files += library.read_again(session, root_id, folder.relative_to(root))
        return files


def keep_root(sessions: Sessions, name: str) -> list[str]:
    """Add a root, or keep one that SOUNDALIKE_MUSIC no longer names, without being told of it."""
    told = register_roots(sessions, [name])
    with sessions.begin() as session:
        location = MusicRoot.named(name).location
        ids = [row.id for row in roots.roots(session) if row.location == location]
        roots.mark_configured(session, ids, configured=False)
    return told


def remove_root(sessions: Sessions, name: str) -> int:
    """Remove a root; what is known of its files stays. Returns the number of files that it had.

    Raises LibraryError if there is no such root.
    """
    with sessions.begin() as session:
        library.lock_scan(session)
        return roots.remove_root(session, _find(session, name).id)


def move_root(sessions: Sessions, name: str, new_name: str) -> MusicRoot:
    """Give a root the location to which its folder was moved; return it as it is now.

    Raises LibraryError if there is no such root, or the new location is not a folder, or overlaps
    with another root.
    """
    new = MusicRoot.named(new_name)
    new.require()
    with sessions.begin() as session:
        library.lock_scan(session)
        row = _find(session, name)
        for other in roots.roots(session):
            place = MusicRoot(other.location)
            if other.id != row.id and (new.is_within(place) or place.is_within(new)):
                old = MusicRoot(row.location).shown
                raise LibraryError(
                    f"{new.shown} and the music root {place.shown} overlap. Its tracks are known "
                    f"by their audio there: soundalike roots remove '{old}'"
                )
        roots.move_root(session, row.id, new.location)
    return new


def _find(session: Session, name: str) -> RootRow:
    """Return the root of this name, which need not exist any more. Raises LibraryError."""
    written = os.fsencode(Path(name).expanduser().absolute())
    locations = {MusicRoot.named(name).location, written, os.fsencode(name)}
    known = roots.roots(session)
    for row in known:
        if row.location in locations:
            return row
    names = "\n".join(f"  {MusicRoot(row.location).shown}" for row in known) or "  none"
    raise LibraryError(f"{name} is not a music root. The roots are:\n{names}")
