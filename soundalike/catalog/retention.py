"""What the catalog still needs of the artifacts, and letting go of what it does not."""

import datetime as dt
from collections.abc import Collection

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from soundalike.catalog.indexes import lock_publishing, published
from soundalike.catalog.library import batch_key
from soundalike.catalog.tables import Batch, EmbeddedBatch, File, IndexVersion, Track, Vector


def superseded(session: Session, keep: int) -> list[str]:
    """Index versions older than the published one, but for the newest `keep` of them."""
    served = published(session)
    if served is None:
        return []
    older = (
        IndexVersion.build < served.index.build,
        IndexVersion.version != served.index.version,
        IndexVersion.collected_at.is_(None),
    )
    statement = select(IndexVersion.version).where(*older)
    return list(session.scalars(statement.order_by(IndexVersion.build.desc()).offset(keep)))


def retire_superseded(session: Session, keep: int) -> list[str]:
    """As `superseded`, and none of them can be published from this transaction's end on."""
    lock_publishing(session)
    versions = superseded(session, keep)
    given_up = IndexVersion.version.in_(versions)
    session.execute(update(IndexVersion).where(given_up).values(collected_at=func.now()))
    return versions


def kept_versions(session: Session) -> dict[str, str]:
    """Index versions that were not given up: version to space."""
    kept = IndexVersion.collected_at.is_(None)
    rows = session.execute(select(IndexVersion.version, IndexVersion.space).where(kept))
    return {row.version: row.space for row in rows}


def kept_audio(session: Session, keep_days: int) -> set[str]:
    """Tracks that have a file, or had one in the last `keep_days`, or were just met."""
    since = func.now() - dt.timedelta(days=keep_days)
    lately = or_(File.gone_at.is_(None), File.gone_at > since)
    wanted = exists().where(File.track_id == Track.id, lately)
    return set(session.scalars(select(Track.id).where(or_(wanted, Track.added_at > since))))


def known_tracks(session: Session) -> set[str]:
    """Ids of all tracks, whether or not they have a file."""
    return set(session.scalars(select(Track.id)))


def known_batches(session: Session) -> set[str]:
    """Keys of all batches."""
    return set(map(batch_key, session.scalars(select(Batch.id))))


def embedded_batches(session: Session) -> set[tuple[str, str]]:
    """(space, batch key) of every recorded .npy."""
    rows = session.execute(select(EmbeddedBatch.space, EmbeddedBatch.batch_id))
    return {(row.space, batch_key(row.batch_id)) for row in rows}


def forget_spaces(session: Session, spaces: Collection[str]) -> None:
    """Nothing is embedded in these spaces any more."""
    session.execute(delete(Vector).where(Vector.space.in_(spaces)))
    session.execute(delete(EmbeddedBatch).where(EmbeddedBatch.space.in_(spaces)))
