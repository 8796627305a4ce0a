"""Embedding spaces: how much of the library is embedded in one, and how much is not."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from soundalike.catalog.batches import pending_batches
from soundalike.catalog.presence import has_allowed_length, has_file, is_embeddable
from soundalike.catalog.tables import TrackRow, VectorRow


@dataclass(frozen=True)
class SpaceCoverage:
    """A space's part of the library: its tracks, and what is left to embed.

    `hours`: the length of the tracks that are left.
    """

    embedded: int
    tracks: int
    batches: int
    hours: float


def coverage(session: Session, space: str) -> SpaceCoverage:
    """Count the library's tracks in `space`, and those that are embeddable and not in it."""
    vector = (
        select(VectorRow.track_id)
        .where(VectorRow.space == space, VectorRow.track_id == TrackRow.id)
        .exists()
    )
    embedded = session.scalar(
        select(func.count()).select_from(TrackRow).where(has_file(), has_allowed_length(), vector)
    )
    left = select(func.count(), func.sum(TrackRow.duration))
    tracks, seconds = session.execute(
        left.select_from(TrackRow).where(is_embeddable(), ~vector)
    ).one()
    hours = (seconds or 0.0) / 3600
    return SpaceCoverage(embedded or 0, tracks, len(pending_batches(session, space)), hours)
