"""Retention: the artifacts that the catalog still needs, and forgetting those it does not."""

import datetime as dt
from collections.abc import Collection

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from soundalike.catalog.library import batch_key
from soundalike.catalog.publications import lock_publishing, published
from soundalike.catalog.tables import (
    BatchRow,
    EmbeddedBatchRow,
    FileRow,
    IndexVersionRow,
    TrackChangeRow,
    TrackRow,
    VectorRow,
)

CHANGES_KEPT = dt.timedelta(days=7)


def superseded(session: Session, keep: int) -> list[str]:
    """Return the index versions older than the published one, except the newest `keep` of them."""
    served = published(session)
    if served is None:
        return []
    older = (
        IndexVersionRow.build < served.index.build,
        IndexVersionRow.version != served.index.version,
        IndexVersionRow.collected_at.is_(None),
    )
    statement = select(IndexVersionRow.version).where(*older)
    return list(session.scalars(statement.order_by(IndexVersionRow.build.desc()).offset(keep)))


def retire_superseded(session: Session, keep: int) -> list[str]:
    """Mark `superseded` versions as collected, so that they cannot be published; return them."""
    lock_publishing(session)
    versions = superseded(session, keep)
    retired = IndexVersionRow.version.in_(versions)
    session.execute(update(IndexVersionRow).where(retired).values(collected_at=func.now()))
    return versions


def retire_lost(session: Session, versions: Collection[str]) -> None:
    """Mark versions whose files are lost as collected, but not the served one, which is rebuilt."""
    lock_publishing(session)
    served = published(session)
    lost = set(versions) - ({served.index.version} if served else set())
    retired = IndexVersionRow.version.in_(lost)
    session.execute(update(IndexVersionRow).where(retired).values(collected_at=func.now()))


def kept_versions(session: Session) -> dict[str, str]:
    """Return the index versions that were not retired: version to space."""
    kept = IndexVersionRow.collected_at.is_(None)
    rows = session.execute(select(IndexVersionRow.version, IndexVersionRow.space).where(kept))
    return {row.version: row.space for row in rows}


def kept_manifests(session: Session) -> dict[str, str]:
    """Return the recorded hash of the manifest of each version that was not retired."""
    known = IndexVersionRow.collected_at.is_(None), IndexVersionRow.manifest_sha256.is_not(None)
    columns = select(IndexVersionRow.version, IndexVersionRow.manifest_sha256).where(*known)
    return {version: str(sha256) for version, sha256 in session.execute(columns)}


def built_versions(session: Session) -> set[str]:
    """Return every index version that was ever built, retired or not."""
    return set(session.scalars(select(IndexVersionRow.version)))


def served_version(session: Session) -> str | None:
    """Return the version that is served, or None."""
    served = published(session)
    return served.index.version if served else None


def runs_of_kept_versions(session: Session) -> set[str]:
    """Return ids of the Dagster runs that built the index versions that were not retired."""
    kept = IndexVersionRow.collected_at.is_(None), IndexVersionRow.dagster_run_id.is_not(None)
    return set(session.scalars(select(IndexVersionRow.dagster_run_id).where(*kept)))


def kept_audio(session: Session, keep_days: int) -> set[str]:
    """Return ids of tracks that have a file, or had one or were added in the last `keep_days`."""
    since = func.now() - dt.timedelta(days=keep_days)
    lately = or_(FileRow.gone_at.is_(None), FileRow.gone_at > since)
    wanted = exists().where(FileRow.track_id == TrackRow.id, lately)
    return set(session.scalars(select(TrackRow.id).where(or_(wanted, TrackRow.added_at > since))))


def forget_changes(session: Session) -> None:
    """Shorten the log of changed tracks; who has not followed it for so long reads all again.

    The newest of the old entries stays, so that the log says from where on it is whole.
    """
    old = TrackChangeRow.changed_at < func.now() - CHANGES_KEPT
    begins = select(func.max(TrackChangeRow.xid)).where(old).scalar_subquery()
    session.execute(delete(TrackChangeRow).where(TrackChangeRow.xid < begins))


def known_tracks(session: Session) -> set[str]:
    """Return the ids of all tracks, with or without a file."""
    return set(session.scalars(select(TrackRow.id)))


def known_batches(session: Session) -> set[str]:
    """Return the keys of all batches."""
    return set(map(batch_key, session.scalars(select(BatchRow.id))))


def embedded_batches(session: Session) -> set[tuple[str, str]]:
    """Return (space, batch key) of every recorded .npy."""
    rows = session.execute(select(EmbeddedBatchRow.space, EmbeddedBatchRow.batch_id))
    return {(row.space, batch_key(row.batch_id)) for row in rows}


def forget_spaces(session: Session, spaces: Collection[str]) -> None:
    """Delete the records of all embeddings in these spaces."""
    session.execute(delete(VectorRow).where(VectorRow.space.in_(spaces)))
    session.execute(delete(EmbeddedBatchRow).where(EmbeddedBatchRow.space.in_(spaces)))
