"""Statements that read from tracks and files what the summaries of batches hold."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    Text,
    and_,
    any_,
    case,
    cast,
    false,
    func,
    literal,
    select,
    union_all,
)

from soundalike.catalog.failures import RETRY_DELAYS
from soundalike.catalog.presence import (
    has_allowed_length,
    is_due,
    is_present,
    is_usable,
    oldest_unread,
)
from soundalike.catalog.tables import (
    BatchRow,
    EmbeddedBatchRow,
    FailureRow,
    FileRow,
    TrackRow,
    VectorRow,
)

_NO_BATCH = 2**63 - 1  # after every batch
OLDEST_UNREAD = func.coalesce(oldest_unread().scalar_subquery(), _NO_BATCH)


def batches_read(batch_ids: Sequence[int]) -> Select[Any]:
    """Select the BatchSummaryRow of each of these batches, from the tracks and files."""
    due, embeddable = _due_files(batch_ids), _embeddable_tracks(batch_ids)
    attempts, gone = _next_attempts(batch_ids), _gone_files(batch_ids)
    files = files_read(batch_ids).subquery("hashed_files")
    statement = select(
        BatchRow.id.label("batch_id"),
        due.c.due,
        func.coalesce(embeddable.c.embeddable, 0).label("embeddable"),
        func.now().label("read_at"),
        attempts.c.valid_until,
        gone.c.gone_before,
        gone.c.gone_from,
        func.coalesce(files.c.files, 0).label("files"),
        func.coalesce(files.c.files_hash, 0).label("files_hash"),
    )
    for part in (due, embeddable, attempts, gone, files):
        statement = statement.outerjoin(part, part.c.batch_id == BatchRow.id)
    return statement.where(BatchRow.id == any_(ids_of(batch_ids)))


def files_read(batch_ids: Sequence[int]) -> Select[int, int, Any]:
    """Select the number of files of each of these batches, and the sum of their hashes.

    A file's is that of its path, size, time, batch and presence. A sum does not depend on their
    order, so PostgreSQL computes it without sorting.
    """
    fields = (
        func.encode(FileRow.path, "hex"),
        FileRow.root_id,
        FileRow.size,
        FileRow.mtime_ns,
        FileRow.batch_id,
        FileRow.gone_at.is_(None),
    )
    line = func.concat_ws("/", *(cast(field, Text) for field in fields))
    hashed = func.sum(func.hashtextextended(line, literal(0)))
    files = select(FileRow.batch_id, func.count().label("files"), hashed.label("files_hash"))
    return files.where(FileRow.batch_id == any_(ids_of(batch_ids))).group_by(FileRow.batch_id)


def _due_files(batch_ids: Sequence[int]) -> Subquery:
    files = select(FileRow.batch_id, cast(func.sum(FileRow.id), Text).label("due"))
    due = files.where(FileRow.batch_id == any_(ids_of(batch_ids)), is_due())
    return due.group_by(FileRow.batch_id).subquery("due_files")


def _embeddable_tracks(batch_ids: Sequence[int]) -> Subquery:
    tracks = _tracks(batch_ids)
    counted = select(tracks.c.batch_id, func.count().label("embeddable"))
    embeddable = counted.where(tracks.c.is_embeddable).group_by(tracks.c.batch_id)
    return embeddable.subquery("embeddable_tracks")


def _tracks(batch_ids: Sequence[int]) -> Subquery:
    """Select whether an index has each track, if it has a vector, and whether it is embeddable.

    As `has_file` and `is_embeddable` say it, for many tracks at once.
    """
    has_one = FileRow.id.is_not(None)
    any_present = func.coalesce(func.bool_or(is_present()).filter(has_one), false())
    any_usable = func.coalesce(func.bool_or(is_usable()).filter(has_one), false())
    columns = (
        *(TrackRow.id, TrackRow.batch_id),
        TrackRow.decoded_share.is_not(None).label("is_decoded"),
        and_(has_allowed_length(), any_present).label("is_kept"),
        and_(has_allowed_length(), any_usable).label("is_embeddable"),
    )
    tracks = select(*columns).outerjoin(FileRow, FileRow.track_id == TrackRow.id)
    of_batches = tracks.where(TrackRow.batch_id == any_(ids_of(batch_ids)))
    return of_batches.group_by(TrackRow.id).subquery("tracks_of_batches")


def _next_attempts(batch_ids: Sequence[int]) -> Subquery:
    """Select when `not_retryable_now` changes next for files of a batch, or of its tracks."""
    longest = RETRY_DELAYS[-1]
    begins = FailureRow.retry_at - longest  # a time so far ahead comes from a wrong clock
    changes_at = case(
        (begins > func.now(), begins), (FailureRow.retry_at > func.now(), FailureRow.retry_at)
    )
    failed = FileRow.id == FailureRow.file_id
    of_files = select(FileRow.batch_id, changes_at.label("at")).join(FailureRow, failed)
    of_tracks = (
        select(TrackRow.batch_id, changes_at.label("at"))
        .join(FileRow, FileRow.track_id == TrackRow.id)
        .join(FailureRow, failed)
    )
    both = union_all(
        of_files.where(FileRow.batch_id == any_(ids_of(batch_ids))),
        of_tracks.where(TrackRow.batch_id == any_(ids_of(batch_ids))),
    ).subquery()
    first = select(both.c.batch_id, func.min(both.c.at).label("valid_until"))
    return first.group_by(both.c.batch_id).subquery("next_attempts")


def _gone_files(batch_ids: Sequence[int]) -> Subquery:
    """Select the batches next to the oldest unread one as of which files of tracks are gone."""
    as_of = FileRow.gone_as_of_batch
    before = func.max(case((as_of < OLDEST_UNREAD, as_of))).label("gone_before")
    since = func.min(case((as_of >= OLDEST_UNREAD, as_of))).label("gone_from")
    missing = TrackRow.batch_id == any_(ids_of(batch_ids)), FileRow.gone_at.is_not(None)
    files = select(TrackRow.batch_id, before, since).join(FileRow, FileRow.track_id == TrackRow.id)
    return files.where(*missing).group_by(TrackRow.batch_id).subquery("gone_files")


def spaces_read(batch_ids: Sequence[int]) -> Select[Any]:
    """Select the SpaceSummaryRow of each space of these batches, from the vectors and tracks."""
    tracks = _tracks(batch_ids)
    is_kept, is_whole = tracks.c.is_kept, and_(tracks.c.is_embeddable, tracks.c.is_decoded)
    vectors = (
        select(
            *(VectorRow.space, VectorRow.batch_id),
            func.count().filter(is_kept).label("kept"),
            func.array_agg(VectorRow.row).filter(is_kept).label("kept_rows"),
            func.count().filter(is_whole).label("whole"),
        )
        .join(tracks, tracks.c.id == VectorRow.track_id)
        .where(VectorRow.batch_id == any_(ids_of(batch_ids)))
        .group_by(VectorRow.space, VectorRow.batch_id)
        .subquery("kept_vectors")
    )
    recorded = (
        select(EmbeddedBatchRow)
        .where(EmbeddedBatchRow.batch_id == any_(ids_of(batch_ids)))
        .subquery("recorded")
    )
    same = and_(vectors.c.space == recorded.c.space, vectors.c.batch_id == recorded.c.batch_id)
    kept = func.coalesce(vectors.c.kept, 0)
    return select(
        func.coalesce(recorded.c.space, vectors.c.space).label("space"),
        func.coalesce(recorded.c.batch_id, vectors.c.batch_id).label("batch_id"),
        *(recorded.c.sha256, recorded.c.rows, recorded.c.embedded_at),
        kept.label("kept"),
        case((kept != recorded.c.rows, vectors.c.kept_rows)).label("kept_rows"),
        func.coalesce(vectors.c.whole, 0).label("whole"),
    ).select_from(recorded.outerjoin(vectors, same, full=True))


def ids_of(batch_ids: Sequence[int]) -> ColumnElement[Any]:
    """Return an array parameter: a statement takes at most 65 535 parameters."""
    return literal(list(batch_ids), ARRAY(BigInteger))
