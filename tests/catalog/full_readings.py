"""What is left to do and what an index has, read from all tracks and files at once.

Slow in a large library, and short: the summaries by batch are compared with it.
"""

import hashlib

from sqlalchemy import ARRAY, Text, and_, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from soundalike.catalog.batches import PendingBatch
from soundalike.catalog.library import batch_key
from soundalike.catalog.presence import (
    has_allowed_length,
    has_file,
    is_embeddable,
    not_retryable_now,
)
from soundalike.catalog.tables import (
    BatchRow,
    EmbeddedBatchRow,
    FileRow,
    LengthRuleRow,
    RootRow,
    TrackRow,
    VectorRow,
)


def pending_by_full_reading(session: Session, space: str) -> list[PendingBatch]:
    embedded = and_(EmbeddedBatchRow.batch_id == BatchRow.id, EmbeddedBatchRow.space == space)
    vector = exists().where(VectorRow.space == space, VectorRow.track_id == TrackRow.id)
    lacking = or_(~vector, TrackRow.decoded_share.is_(None))
    incomplete = TrackRow.batch_id == BatchRow.id, is_embeddable(), lacking
    due = (
        *(FileRow.batch_id == BatchRow.id, FileRow.gone_at.is_(None)),
        or_(FileRow.unread, FileRow.track_id.is_(None)),
        ~not_retryable_now(),
    )
    state = func.concat_ws(
        "/",
        EmbeddedBatchRow.embedded_at,
        select(func.sum(FileRow.id)).where(*due).scalar_subquery(),
        select(func.count(TrackRow.id)).where(*incomplete).scalar_subquery(),
    )
    left = or_(
        EmbeddedBatchRow.batch_id.is_(None), exists().where(*incomplete), exists().where(*due)
    )
    rows = select(BatchRow.id, state).outerjoin(EmbeddedBatchRow, embedded).where(left)
    found = session.execute(rows.order_by(BatchRow.id))
    return [PendingBatch(batch_key(id_), state) for id_, state in found]


def contents_by_full_reading(session: Session, space: str) -> dict[str, tuple[str, set[int]]]:
    """The hash of each batch's .npy, and the rows of it that an index has."""
    recorded = and_(
        EmbeddedBatchRow.space == VectorRow.space, EmbeddedBatchRow.batch_id == VectorRow.batch_id
    )
    rows = (
        select(VectorRow.batch_id, EmbeddedBatchRow.sha256, VectorRow.row)
        .join(EmbeddedBatchRow, recorded)
        .join(TrackRow, TrackRow.id == VectorRow.track_id)
        .where(VectorRow.space == space, has_allowed_length(), has_file())
    )
    held: dict[str, tuple[str, set[int]]] = {}
    for batch, sha256, row in session.execute(rows):
        held.setdefault(batch_key(batch), (sha256, set()))[1].add(row)
    return held


def lost_by_full_reading(session: Session, space: str) -> list[str]:
    recorded = exists().where(
        EmbeddedBatchRow.space == VectorRow.space, EmbeddedBatchRow.batch_id == VectorRow.batch_id
    )
    lost = select(VectorRow.batch_id).distinct().where(VectorRow.space == space, ~recorded)
    return list(map(batch_key, session.scalars(lost.order_by(VectorRow.batch_id))))


def state_by_full_reading(session: Session) -> str:
    """Compute the state from all files at once, each hashed by a line that Python writes."""
    exact = FileRow.path, FileRow.root_id, FileRow.size, FileRow.mtime_ns, FileRow.batch_id
    files = session.execute(select(*exact, FileRow.gone_at.is_(None))).all()
    lines = ["/".join([path.hex(), *map(str, rest)]).lower() for path, *rest in files]
    line = func.unnest(literal(lines, ARRAY(Text))).column_valued("line")
    total = session.scalar(select(func.sum(func.hashtextextended(line, literal(0)))))
    roots = session.scalars(select(RootRow.location).order_by(RootRow.location)).all()
    rule = session.execute(select(LengthRuleRow.shortest, LengthRuleRow.longest)).one_or_none()
    state = (len(files), total or 0, *roots, *(rule or ()))
    return hashlib.sha256("\n".join(map(str, state)).encode()).hexdigest()[:16]
