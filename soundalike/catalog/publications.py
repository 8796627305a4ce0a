"""Publications: which index version is served now, and which were before."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Select, func, literal, select
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Session

from soundalike.catalog.index_versions import require_built
from soundalike.catalog.lock_keys import PUBLISHING_LOCK
from soundalike.catalog.tables import EmbeddedBatchRow, FileRow, IndexVersionRow, PublicationRow

PUBLISHED_CHANNEL = "soundalike_published"


@dataclass(frozen=True)
class PublishedIndex:
    """The served index and its publication."""

    index: IndexVersionRow
    publication: PublicationRow


def lock_publishing(session: Session) -> None:
    """Take the lock on publishing and retiring versions, until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(PUBLISHING_LOCK)))


def publish(
    session: Session,
    version: str,
    by_hand: bool,
    seen: int | None = None,
    run_id: str | None = None,
) -> str | None:
    """Make `version` the served one and notify every subscriber when the transaction commits.

    `run_id` is the Dagster run that does it. Returns None; or the version that stays served,
    because a user published it by hand after the publication `seen`.
    Raises ArtifactError if no such version was built, or `soundalike gc` removed it.
    """
    lock_publishing(session)
    served = published(session)
    if seen is not None and served and served.publication.by_hand and served.publication.id > seen:
        return served.index.version
    require_built(session, version)
    session.add(PublicationRow(version=version, by_hand=by_hand, dagster_run_id=run_id))
    notify(session, version)
    return None


def notify(session: Session, version: str) -> None:
    """Tell every subscriber, when the transaction commits, that there is news of the version."""
    session.execute(select(func.pg_notify(PUBLISHED_CHANNEL, version)))


def published_statement() -> Select[IndexVersionRow, PublicationRow]:
    """Select the served version and its publication: one row, or none yet."""
    newest = PublicationRow.id.desc()
    return select(IndexVersionRow, PublicationRow).join(PublicationRow).order_by(newest).limit(1)


def published(session: Session) -> PublishedIndex | None:
    """Return the served version, or None before the first publication."""
    row = session.execute(published_statement()).one_or_none()
    return PublishedIndex(*row) if row else None


def behind_since(session: Session, space: str) -> dt.datetime | None:
    """Return when the library first changed after the served index was published, or None.

    A change is a batch that was embedded in `space`, or a file that went.
    """
    newest = select(func.max(PublicationRow.published_at)).scalar_subquery()
    after = func.coalesce(newest, literal("-infinity").cast(TIMESTAMP(timezone=True)))
    embedded = select(func.min(EmbeddedBatchRow.embedded_at)).where(
        EmbeddedBatchRow.space == space, EmbeddedBatchRow.embedded_at > after
    )
    gone = select(func.min(FileRow.gone_at)).where(FileRow.gone_at > after)
    return session.scalar(select(func.least(embedded.scalar_subquery(), gone.scalar_subquery())))


def published_before(session: Session, version: str) -> list[str]:
    """Return all other versions that were ever published, the one that was served last first."""
    newest = func.max(PublicationRow.id).desc()
    versions = select(PublicationRow.version).where(PublicationRow.version != version)
    return list(session.scalars(versions.group_by(PublicationRow.version).order_by(newest)))


def replaced_version(session: Session, published_now: PublishedIndex) -> str | None:
    """Return the version that was served before this one, or None if this is the first."""
    before = PublicationRow.id < published_now.publication.id
    other = PublicationRow.version != published_now.index.version
    newest = PublicationRow.id.desc()
    return session.scalars(
        select(PublicationRow.version).where(before, other).order_by(newest).limit(1)
    ).one_or_none()
