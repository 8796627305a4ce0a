"""Index versions: what belongs in the next one, which were built, and which one is served."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from soundalike.catalog.library import batch_key
from soundalike.catalog.presence import has_allowed_length, has_file
from soundalike.catalog.tables import (
    BUILDS,
    EmbeddedBatchRow,
    IndexVersionRow,
    PublicationRow,
    TrackRow,
    VectorRow,
)
from soundalike.errors import ArtifactError

PUBLISHED_CHANNEL = "soundalike_published"
PUBLISHING_LOCK = 5_011_850_005


@dataclass(frozen=True)
class IndexContents:
    """What an index of `space` holds now: its batches' .npy by hash, and each track's place."""

    space: str
    batches: dict[str, str]  # batch key -> SHA-256 of its .npy
    tracks: tuple[tuple[str, str, int], ...]  # (track id, batch key, row), by track id


@dataclass(frozen=True)
class PublishedIndex:
    """The served index, and the publication that made it so."""

    index: IndexVersionRow
    publication: PublicationRow


def contents(session: Session, space: str) -> IndexContents:
    """Every embedded track that fits and has a file in the library, once."""
    # One statement: hashes and rows must be of one moment, as a batch may be embedded again.
    recorded = and_(
        EmbeddedBatchRow.space == VectorRow.space, EmbeddedBatchRow.batch_id == VectorRow.batch_id
    )
    rows = session.execute(
        select(TrackRow.id, VectorRow.batch_id, VectorRow.row, EmbeddedBatchRow.sha256)
        .join(VectorRow, VectorRow.track_id == TrackRow.id)
        .join(EmbeddedBatchRow, recorded)
        .where(VectorRow.space == space, has_allowed_length(), has_file())
        .order_by(TrackRow.id.collate("C"))
    )
    found = [(track, batch_key(batch), row, sha256) for track, batch, row, sha256 in rows]
    hashes = {batch: sha256 for _, batch, _, sha256 in found}
    tracks = tuple((track, batch, row) for track, batch, row, _ in found)
    return IndexContents(space, dict(sorted(hashes.items())), tracks)


def record_version(session: Session, built: Mapping[str, Any]) -> None:
    """Register a built index. One built before is the latest again and else unchanged."""
    session.execute(
        insert(IndexVersionRow)
        .values(**built)
        .on_conflict_do_update(
            index_elements=[IndexVersionRow.version],
            set_={
                "built_at": func.now(),
                "build": BUILDS.next_value(),
                "collected_at": None,
            },
        )
    )


def latest_built(session: Session, space: str) -> str | None:
    """The version of `space` built last, or None."""
    newest = IndexVersionRow.build.desc()
    return session.scalars(
        select(IndexVersionRow.version)
        .where(IndexVersionRow.space == space)
        .order_by(newest)
        .limit(1)
    ).one_or_none()


def lock_publishing(session: Session) -> None:
    """Wait until nobody else publishes or gives up versions; others wait for this transaction."""
    session.execute(select(func.pg_advisory_xact_lock(PUBLISHING_LOCK)))


def publish(session: Session, version: str, by_hand: bool, seen: int | None = None) -> str | None:
    """Make `version` the served one and tell every listener, with the transaction's commit.

    Returns None; or the version that stays, because a person published it after the publication
    that was `seen`.
    Raises ArtifactError if no such version was built, or `soundalike gc` removed it.
    """
    lock_publishing(session)
    served = published(session)
    if seen is not None and served and served.publication.by_hand and served.publication.id > seen:
        return served.index.version
    built = session.get(IndexVersionRow, version)
    if built is None:
        raise ArtifactError(f"no index version {version!r} was ever built")
    if built.collected_at:
        raise ArtifactError(f"index {version} was removed by `soundalike gc`")
    session.add(PublicationRow(version=version, by_hand=by_hand))
    session.execute(select(func.pg_notify(PUBLISHED_CHANNEL, version)))
    return None


def published_statement() -> Select[IndexVersionRow, PublicationRow]:
    """The served version and its publication: one row, or none yet."""
    newest = PublicationRow.id.desc()
    return select(IndexVersionRow, PublicationRow).join(PublicationRow).order_by(newest).limit(1)


def published(session: Session) -> PublishedIndex | None:
    """The served version, or None while nothing was published."""
    row = session.execute(published_statement()).one_or_none()
    return PublishedIndex(*row) if row else None
