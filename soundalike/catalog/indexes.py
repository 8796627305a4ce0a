"""Index versions: what belongs in the next one, which were built, and which one is served."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Select, exists, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from soundalike.catalog.library import batch_key
from soundalike.catalog.tables import EmbeddedBatch, File, IndexVersion, Publication, Track, Vector
from soundalike.errors import ArtifactError

PUBLISHED_CHANNEL = "soundalike_published"


@dataclass(frozen=True)
class Contents:
    """What an index of `space` holds now: its batches' .npy by hash, and each track's place."""

    space: str
    batches: dict[str, str]  # batch key -> SHA-256 of its .npy
    tracks: tuple[tuple[str, str, int], ...]  # (track id, batch key, row), by track id


@dataclass(frozen=True)
class Published:
    """The served index and when it became so."""

    version: IndexVersion
    published_at: dt.datetime


def contents(session: Session, space: str) -> Contents:
    """Every embedded track that has a file in the library, once."""
    present = exists().where(File.track_id == Track.id, File.gone_at.is_(None))
    rows = session.execute(
        select(Track.id, Vector.batch_id, Vector.row)
        .join(Vector, Vector.track_id == Track.id)
        .where(Vector.space == space, present)
        .order_by(Track.id.collate("C"))
    )
    tracks = tuple((track, batch_key(batch), row) for track, batch, row in rows)
    used = {batch for _, batch, _ in tracks}
    hashes = session.execute(
        select(EmbeddedBatch.batch_id, EmbeddedBatch.sha256)
        .where(EmbeddedBatch.space == space)
        .order_by(EmbeddedBatch.batch_id)
    )
    batches = {batch_key(batch): sha256 for batch, sha256 in hashes}
    return Contents(space, {key: value for key, value in batches.items() if key in used}, tracks)


def record_version(session: Session, version: IndexVersion) -> None:
    """Register a built index; building the same again changes nothing."""
    row = {
        column.name: value
        for column in IndexVersion.__table__.columns
        if (value := getattr(version, column.name)) is not None
    }
    session.execute(upsert(IndexVersion).values(row).on_conflict_do_nothing())


def latest_built(session: Session, space: str) -> str | None:
    """The version of `space` built last, or None."""
    newest = IndexVersion.created_at.desc()
    return session.scalars(
        select(IndexVersion.version).where(IndexVersion.space == space).order_by(newest).limit(1)
    ).one_or_none()


def publish(session: Session, version: str) -> None:
    """Make `version` the served one and tell every listener, with the transaction's commit.

    Raises ArtifactError if no such version was built.
    """
    if session.get(IndexVersion, version) is None:
        raise ArtifactError(f"no index version {version!r} was ever built; see GET /v1/index")
    session.execute(insert(Publication).values(version=version))
    session.execute(
        text("select pg_notify(:channel, :version)"),
        {
            "channel": PUBLISHED_CHANNEL,
            "version": version,
        },
    )


def published_statement() -> Select[IndexVersion, dt.datetime]:
    """The served version and when it was published: one row, or none yet."""
    return (
        select(IndexVersion, Publication.published_at)
        .join(Publication)
        .order_by(Publication.id.desc())
        .limit(1)
    )


def published(session: Session) -> Published | None:
    """The served version, or None while nothing was published."""
    row = session.execute(published_statement()).one_or_none()
    return Published(*row) if row else None
