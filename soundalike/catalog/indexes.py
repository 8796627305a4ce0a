"""Index versions: what belongs in the next one, which were built, and which one is served."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from soundalike.catalog.library import batch_key
from soundalike.catalog.presence import fits, has_file
from soundalike.catalog.tables import (
    BUILDS,
    EmbeddedBatch,
    IndexVersion,
    Publication,
    Track,
    Vector,
)
from soundalike.errors import ArtifactError

PUBLISHED_CHANNEL = "soundalike_published"
PUBLISHING_LOCK = 5_011_850_005


@dataclass(frozen=True)
class Contents:
    """What an index of `space` holds now: its batches' .npy by hash, and each track's place."""

    space: str
    batches: dict[str, str]  # batch key -> SHA-256 of its .npy
    tracks: tuple[tuple[str, str, int], ...]  # (track id, batch key, row), by track id


@dataclass(frozen=True)
class Published:
    """The served index, and the publication that made it so."""

    index: IndexVersion
    publication: Publication


def contents(session: Session, space: str) -> Contents:
    """Every embedded track that fits and has a file in the library, once."""
    rows = session.execute(
        select(Track.id, Vector.batch_id, Vector.row)
        .join(Vector, Vector.track_id == Track.id)
        .where(Vector.space == space, fits(), has_file())
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


def record_version(session: Session, built: Mapping[str, Any]) -> None:
    """Register a built index. One built before is the latest again and else unchanged."""
    session.execute(
        insert(IndexVersion)
        .values(**built)
        .on_conflict_do_update(
            index_elements=[IndexVersion.version],
            set_={
                "built_at": func.now(),
                "build": BUILDS.next_value(),
                "collected_at": None,
            },
        )
    )


def latest_built(session: Session, space: str) -> str | None:
    """The version of `space` built last, or None."""
    newest = IndexVersion.build.desc()
    return session.scalars(
        select(IndexVersion.version).where(IndexVersion.space == space).order_by(newest).limit(1)
    ).one_or_none()


def hold_publishing(session: Session) -> None:
    """Wait until nobody else publishes or gives up versions; others wait for this transaction."""
    session.execute(select(func.pg_advisory_xact_lock(PUBLISHING_LOCK)))


def publish(session: Session, version: str, by_hand: bool) -> None:
    """Make `version` the served one and tell every listener, with the transaction's commit.

    Raises ArtifactError if no such version was built, or `soundalike gc` removed it.
    """
    hold_publishing(session)
    built = session.get(IndexVersion, version)
    if built is None:
        raise ArtifactError(f"no index version {version!r} was ever built")
    if built.collected_at:
        raise ArtifactError(f"index {version} was removed by `soundalike gc`")
    session.add(Publication(version=version, by_hand=by_hand))
    session.execute(select(func.pg_notify(PUBLISHED_CHANNEL, version)))


def published_statement() -> Select[IndexVersion, Publication]:
    """The served version and its publication: one row, or none yet."""
    newest = Publication.id.desc()
    return select(IndexVersion, Publication).join(Publication).order_by(newest).limit(1)


def published(session: Session) -> Published | None:
    """The served version, or None while nothing was published."""
    row = session.execute(published_statement()).one_or_none()
    return Published(*row) if row else None
