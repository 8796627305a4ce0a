"""Index contents: what the next index version of a space has, by batch and row."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ARRAY, BigInteger, Select, and_, any_, literal, select
from sqlalchemy.orm import Session

from soundalike.catalog.batch_summaries import batch_summaries
from soundalike.catalog.library import batch_key, batch_number
from soundalike.catalog.presence import has_allowed_length, has_file
from soundalike.catalog.tables import EmbeddedBatchRow, TrackRow, VectorRow


@dataclass(frozen=True)
class IndexContents:
    """The current contents of an index of `space`: its batches, less the rows it has not.

    By batch key: `batches` are hashes of .npy files, `rows` their numbers of rows, and `removed`
    rows of tracks that have no file or no allowed length now.
    """

    space: str
    batches: dict[str, str]
    rows: dict[str, int]
    removed: dict[str, list[int]]

    @property
    def tracks(self) -> int:
        """The number of tracks."""
        return sum(self.rows.values()) - sum(map(len, self.removed.values()))


@dataclass(frozen=True)
class LocatedTrack:
    """A track with a vector: its row in a batch's .npy, which has that hash."""

    track_id: str
    batch: str
    row: int
    sha256: str


def contents(session: Session, space: str) -> IndexContents:
    """Read the contents: each embedded track of allowed length that has a file, once.

    Only what is not as it was embedded is listed by rows, so that this is short in a large library.
    """
    _, spaces = batch_summaries(session)
    held = spaces.c.space == space, spaces.c.sha256.is_not(None), spaces.c.kept > 0
    columns = spaces.c.batch_id, spaces.c.sha256, spaces.c.rows, spaces.c.kept_rows
    found = session.execute(select(*columns).where(*held))
    entries = sorted((batch_key(batch), sha256, rows, left) for batch, sha256, rows, left in found)
    return IndexContents(
        space,
        batches={batch: sha256 for batch, sha256, _, _ in entries},
        rows={batch: rows for batch, _, rows, _ in entries},
        removed={
            batch: sorted(set(range(rows)).difference(left))
            for batch, _, rows, left in entries
            if left is not None
        },
    )


def located_tracks(session: Session, space: str) -> list[LocatedTrack]:
    """Return each track that an index of the current contents has, by track id."""
    return _as_located(session, _located(space).order_by(TrackRow.id.collate("C")))


def embedded_tracks(session: Session, space: str, batches: Collection[str]) -> list[LocatedTrack]:
    """Return every track of these batches that has a vector, whether it has a file or not."""
    wanted = VectorRow.batch_id == any_(literal([*map(batch_number, batches)], ARRAY(BigInteger)))
    statement = _vectors(space).where(wanted).order_by(VectorRow.batch_id, VectorRow.row)
    return _as_located(session, statement)


Located = Select[str, int, int, str]


def _as_located(session: Session, statement: Located) -> list[LocatedTrack]:
    return [
        LocatedTrack(track, batch_key(batch), row, sha256)
        for track, batch, row, sha256 in session.execute(statement)
    ]


def _vectors(space: str) -> Located:
    recorded = and_(
        EmbeddedBatchRow.space == VectorRow.space, EmbeddedBatchRow.batch_id == VectorRow.batch_id
    )
    columns = VectorRow.track_id, VectorRow.batch_id, VectorRow.row, EmbeddedBatchRow.sha256
    statement: Located = select(*columns).join(EmbeddedBatchRow, recorded)
    return statement.where(VectorRow.space == space)


def _located(space: str) -> Located:
    joined = _vectors(space).join(TrackRow, TrackRow.id == VectorRow.track_id)
    return joined.where(has_allowed_length(), has_file())


def lost_batches(session: Session, space: str) -> list[str]:
    """Return the keys of the batches whose vectors are recorded, but lost with their file."""
    _, spaces = batch_summaries(session)
    lost = select(spaces.c.batch_id).where(spaces.c.space == space, spaces.c.sha256.is_(None))
    return list(map(batch_key, session.scalars(lost.order_by(spaces.c.batch_id))))
