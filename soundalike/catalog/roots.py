"""Music roots: adding, removing and moving them. Tracks and vectors follow by their audio."""

from collections.abc import Collection, Sequence
from itertools import count
from pathlib import PurePath

from sqlalchemy import LargeBinary, delete, func, insert, literal, select, update
from sqlalchemy.orm import Session, aliased

from soundalike.catalog.library import ROWS_AT_ONCE, mark_gone
from soundalike.catalog.search_words import record_words
from soundalike.catalog.tables import FileRow, RootRow
from soundalike.display_text import shown


def roots(session: Session) -> Sequence[RootRow]:
    """Return the library's music roots, oldest first."""
    present = select(RootRow).where(RootRow.removed_at.is_(None))
    return session.scalars(present.order_by(RootRow.id)).all()


def removed_roots(session: Session) -> Sequence[RootRow]:
    """Return the roots that were removed, whose files are gone and still known."""
    return session.scalars(select(RootRow).where(RootRow.removed_at.is_not(None))).all()


def count_listed(session: Session, root_id: int, newest_batch: int | None = None) -> int:
    """Return the number of files that the root has in the catalog, in batches up to this one."""
    listed = [FileRow.root_id == root_id, FileRow.gone_at.is_(None)]
    listed += [] if newest_batch is None else [FileRow.batch_id <= newest_batch]
    return session.scalar(select(func.count()).where(*listed)) or 0


def add_root(session: Session, location: bytes) -> int:
    """Register a root by its absolute path or URL, maybe one that was removed; return its id."""
    known = session.scalar(select(RootRow).where(RootRow.location == location))
    if known is not None:
        known.removed_at = None
        return known.id
    name = free_name(location, set(session.scalars(select(RootRow.name))))
    statement = insert(RootRow).values(location=location, name=name).returning(RootRow.id)
    return int(session.execute(statement).scalar_one())


def free_name(location: bytes, taken: Collection[str]) -> str:
    """Return a name for a root that no other one has: its last folder, numbered where it must be.

    It tells nothing of what lies above.
    """
    last = PurePath(shown(location)).name or "root"
    numbered = (f"{last}-{number}" for number in count(2))
    return last if last not in taken else next(name for name in numbered if name not in taken)


def mark_configured(session: Session, root_ids: Collection[int], *, configured: bool) -> None:
    """Record whether these roots are such that SOUNDALIKE_MUSIC names."""
    one_of = RootRow.id.in_(root_ids)
    session.execute(update(RootRow).where(one_of).values(configured=configured))


def remove_root(session: Session, root_id: int) -> int:
    """Remove a root: its files count as gone, as if they were deleted. Returns their number."""
    listed = FileRow.root_id == root_id, FileRow.gone_at.is_(None)
    files = session.scalars(select(FileRow.id).where(*listed)).all()
    mark_gone(session, files)
    removed = {"removed_at": func.now(), "configured": False, "problems": []}
    session.execute(update(RootRow).where(RootRow.id == root_id).values(**removed))
    return len(files)


def move_root(session: Session, root_id: int, location: bytes) -> None:
    """Give a root another location; a removed root that was there is forgotten.

    Its name stays, as clients know it by that.
    """
    there = select(RootRow.id).where(RootRow.location == location, RootRow.id != root_id)
    for other in session.scalars(there).all():
        session.execute(delete(FileRow).where(FileRow.root_id == other))
        session.execute(delete(RootRow).where(RootRow.id == other))
    moved = {"location": location, "problems": []}
    session.execute(update(RootRow).where(RootRow.id == root_id).values(**moved))


def take_over(session: Session, parent: int, child: int, path: bytes, printed: str) -> int:
    """Make the files of a root those of another one that it lies in; return their number.

    `path` is the child's relative to the parent, ending with a slash, and `printed` its printable
    form. The child is no root any more.
    """
    moved, same = aliased(FileRow), literal(path, LargeBinary).op("||")
    twice = (
        select(moved.id).where(moved.root_id == child, same(moved.path) == FileRow.path).exists()
    )
    session.execute(delete(FileRow).where(FileRow.root_id == parent, twice))
    below = {"root_id": parent, "path": same(FileRow.path), "shown": printed + FileRow.shown}
    statement = update(FileRow).where(FileRow.root_id == child).values(**below)
    tracks = session.scalars(statement.returning(FileRow.track_id)).all()
    session.execute(delete(RootRow).where(RootRow.id == child))
    renamed = sorted({track for track in tracks if track})
    for start in range(0, len(renamed), ROWS_AT_ONCE):
        record_words(session, renamed[start : start + ROWS_AT_ONCE])
    return len(tracks)
