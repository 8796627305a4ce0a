"""Roots and files: reading what the catalog knows of them, and recording a scan's results.

A scan is one transaction, in which files that need work are assigned to new batches. Nothing in
this module reads the music itself.
"""

import datetime as dt
from collections.abc import Collection, Generator, Sequence
from typing import NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    LargeBinary,
    and_,
    any_,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, aliased

from soundalike.audio.tags.fields import READ_AS_A_WHOLE, TAGS_VERSION
from soundalike.catalog.lock_keys import SCAN_LOCK
from soundalike.catalog.tables import (
    PATH_BYTES,
    PATH_START,
    BatchRow,
    FailureRow,
    FileRow,
    LengthRuleRow,
    RootRow,
)
from soundalike.errors import LibraryError
from soundalike.sources.entry import Entry

BATCH_PREFIX = "b"
ROWS_AT_ONCE = 2000
MAX_PROBLEMS = 100  # of a root, kept for the check of it


def batch_key(batch_id: int) -> str:
    """Return the batch's partition key and file name: b000042."""
    return f"{BATCH_PREFIX}{batch_id:06d}"


def batch_number(key: str) -> int:
    """Return the batch id of a key: the inverse of `batch_key`.

    Raises LibraryError for any other text: people can type partition keys.
    """
    digits = key.removeprefix(BATCH_PREFIX)
    if not (digits.isascii() and digits.isdigit() and key == batch_key(int(digits))):
        raise LibraryError(f"{key!r} is not a batch: batches are named as in {batch_key(1)}")
    return int(digits)


class KnownFile(NamedTuple):
    """The columns of a file's row that a scan compares."""

    path: bytes
    id: int
    size: int
    mtime_ns: int
    gone: bool
    read: bool  # and a track was identified in it
    tags_version: int = TAGS_VERSION  # of the reader that read its tags
    unread: bool = False


def lock_scan(session: Session) -> None:
    """Take the scan lock until the transaction ends, waiting for another scan to finish."""
    session.execute(select(func.pg_advisory_xact_lock(SCAN_LOCK)))


def record_scan(session: Session, root_id: int, problems: Sequence[str]) -> None:
    """Record that the root was scanned now, and the first MAX_PROBLEMS messages of that scan."""
    kept = list(problems[:MAX_PROBLEMS])
    if len(problems) > MAX_PROBLEMS:
        kept.append(f"and {len(problems) - MAX_PROBLEMS} more")
    found = {"scanned_at": func.now(), "problems": kept}
    session.execute(update(RootRow).where(RootRow.id == root_id).values(**found))


def last_scan(session: Session) -> dt.datetime | None:
    """Return when a root was last scanned, or None."""
    return session.scalar(select(func.max(RootRow.scanned_at)))


def set_length_rule(session: Session, shortest: float, longest: float) -> None:
    """Set the length bounds (seconds); from now on they decide which tracks are excluded."""
    bounds = {"shortest": shortest, "longest": longest}
    session.execute(
        upsert(LengthRuleRow)
        .values(id=1, **bounds)
        .on_conflict_do_update(index_elements=[LengthRuleRow.id], set_=bounds)
    )


def known_files(
    session: Session, root_id: int, within: bytes = b""
) -> Generator[KnownFile, None, None]:
    """Iterate over every file ever seen under the root, by path, streamed from the server.

    Or over those in a folder of it, whose path ends with a slash.
    """
    read = and_(FileRow.track_id.is_not(None), ~FileRow.unread)
    with session.connection().execute(
        select(
            FileRow.path,
            FileRow.id,
            FileRow.size,
            FileRow.mtime_ns,
            FileRow.gone_at.is_not(None),
            read,
            FileRow.tags_version,
            FileRow.unread,
        )
        .where(FileRow.root_id == root_id, *_is_within(within))
        .order_by(FileRow.path),
        execution_options={"yield_per": ROWS_AT_ONCE},
    ) as rows:
        yield from map(KnownFile._make, rows)


def _is_within(folder: bytes) -> list[ColumnElement[bool]]:
    """Conditions that a file is in a folder, whose path ends with a slash; none for the root."""
    if not folder:
        return []
    start = folder[:PATH_BYTES]
    before = start.rstrip(b"\xff")  # not empty: a name has at most 255 bytes, then comes a slash
    end = before[:-1] + bytes([before[-1] + 1])
    indexed = literal_column(PATH_START, LargeBinary)
    return [indexed >= start, indexed < end, func.substr(FileRow.path, 1, len(folder)) == folder]


def newest_batch(session: Session) -> int:
    """Return the id of the batch sealed last, or 0."""
    return session.scalar(select(func.coalesce(func.max(BatchRow.id), 0))) or 0


def mark_gone(session: Session, file_ids: Sequence[int]) -> None:
    """Record that the files are missing. Their tracks and vectors stay, in case they return."""
    gone = {"gone_at": func.now(), "gone_as_of_batch": newest_batch(session)}
    session.execute(update(FileRow).where(_one_of(file_ids)).values(**gone))


def count_moved(session: Session, file_ids: Sequence[int], after_batch: int) -> int:
    """Estimate how many of these files have moved: a new file has their size and time.

    Used only to judge a scan; which track a file holds is decided by its audio.
    """
    new = aliased(FileRow)
    alike = new.size == FileRow.size, new.mtime_ns == FileRow.mtime_ns, new.batch_id > after_batch
    moved = exists().where(*alike)
    return session.scalar(select(func.count(FileRow.id)).where(_one_of(file_ids), moved)) or 0


def mark_returned(session: Session, file_ids: Sequence[int]) -> None:
    """Record that the files are back, unchanged."""
    back = {"gone_at": None, "gone_as_of_batch": None}
    session.execute(update(FileRow).where(_one_of(file_ids)).values(**back))


def _one_of(file_ids: Sequence[int]) -> ColumnElement[bool]:
    """Condition with one array parameter: a statement takes at most 65 535 parameters."""
    return FileRow.id == any_(literal(list(file_ids), ARRAY(BigInteger)))


def read_again(session: Session, root_id: int | None = None, folder: bytes = b"") -> int:
    """Have the next scan put files into batches again, to be read as a whole; return how many.

    All that are listed, or those of a root, or those below a folder of it, by its relative path.
    """
    files = update(FileRow).where(FileRow.gone_at.is_(None))
    if root_id is not None:
        files = files.where(FileRow.root_id == root_id)
    if folder.strip(b"/"):
        files = files.where(*_is_within(folder.strip(b"/") + b"/"))
    marked = files.values(tags_version=READ_AS_A_WHOLE).returning(FileRow.id)
    return len(session.scalars(marked).all())


def seal(
    session: Session,
    root_id: int,
    work: Sequence[tuple[int | None, Entry]],
    retagged: Collection[int] = (),
) -> str:
    """Assign files, pairs of (known file id or None, listed entry), to a new batch; return its key.

    Of those with an id in `retagged`, only the tags are to be read: their audio is known. The
    caller must hold `lock_scan`: the batch's id is the highest one plus 1.
    """
    batch_id = newest_batch(session) + 1
    session.execute(insert(BatchRow).values(id=batch_id))
    new = [
        {"root_id": root_id, "path": entry.path, "shown": entry.shown, **_state(entry, batch_id)}
        for file_id, entry in work
        if file_id is None
    ]
    known = [
        {"id": file_id, "gone_at": None, "gone_as_of_batch": None, **_state(entry, batch_id)}
        | ({"tags_version": 0} if file_id in retagged else {})
        for file_id, entry in work
        if file_id is not None
    ]
    if new:
        session.execute(insert(FileRow), new)
    if known:
        session.execute(update(FileRow), known)
        outdated = FailureRow.file_id.in_([file["id"] for file in known])
        session.execute(delete(FailureRow).where(outdated))  # the content that failed is gone
    return batch_key(batch_id)


def _state(entry: Entry, batch_id: int) -> dict[str, int | bool]:
    return {
        "size": entry.size,
        "mtime_ns": entry.mtime_ns,
        "batch_id": batch_id,
        "unread": True,
        "tags_version": READ_AS_A_WHOLE,
    }
