"""Lineage: the batch that a track was identified in, and where its vectors come from."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, select

from soundalike.catalog.library import batch_key
from soundalike.catalog.tables import (
    BatchRow,
    EmbeddedBatchRow,
    IndexVersionRow,
    TrackRow,
    VectorRow,
)


@dataclass(frozen=True)
class VectorOrigin:
    """A track's vector in one space: its row in its batch's .npy, and that file's hash and origin.

    `model` is that of an index of the space, None before one was built. `sha256` and
    `embedded_at` are None while the file is lost, `dagster_run_id` also if no run is recorded.
    """

    space: str
    model: str | None
    batch_id: int
    row: int
    sha256: str | None
    embedded_at: dt.datetime | None
    dagster_run_id: str | None

    @property
    def batch(self) -> str:
        """The key of its batch."""
        return batch_key(self.batch_id)


def batch_of(track_id: str) -> Select[Any]:
    """Select the id of the batch that a track was first identified in, and when both came to be."""
    columns: tuple[Any, ...] = TrackRow.batch_id, BatchRow.sealed_at, TrackRow.added_at
    return select(*columns).join(BatchRow).where(TrackRow.id == track_id)


def vector_origins(track_id: str) -> Select[Any]:
    """Select the vectors of a track, by space; each row is a VectorOrigin's."""
    model = (
        select(IndexVersionRow.model)
        .where(IndexVersionRow.space == VectorRow.space)
        .limit(1)
        .scalar_subquery()
    )
    columns: tuple[Any, ...] = (
        *(VectorRow.space, model, VectorRow.batch_id, VectorRow.row),
        *(EmbeddedBatchRow.sha256, EmbeddedBatchRow.embedded_at, EmbeddedBatchRow.dagster_run_id),
    )
    recorded = and_(
        EmbeddedBatchRow.space == VectorRow.space, EmbeddedBatchRow.batch_id == VectorRow.batch_id
    )
    return (
        select(*columns)
        .outerjoin(EmbeddedBatchRow, recorded)
        .where(VectorRow.track_id == track_id)
        .order_by(VectorRow.space)
    )
