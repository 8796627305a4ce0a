"""Index versions: the contents of the next one, those that were built, and the served one."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Select,
    and_,
    any_,
    case,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP, insert
from sqlalchemy.orm import Session

from soundalike.catalog.library import batch_key, batch_number
from soundalike.catalog.presence import has_allowed_length, has_file
from soundalike.catalog.tables import (
    BUILDS,
    EmbeddedBatchRow,
    FileRow,
    IndexVersionRow,
    PublicationRow,
    TrackRow,
    VectorRow,
)
from soundalike.errors import ArtifactError

PUBLISHED_CHANNEL = "soundalike_published"
PUBLISHING_LOCK = 5_011_850_005
NAMED_VERSIONS = 10  # in the message about one that does not exist


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


@dataclass(frozen=True)
class PublishedIndex:
    """The served index and its publication."""

    index: IndexVersionRow
    publication: PublicationRow


def contents(session: Session, space: str) -> IndexContents:
    """Read the contents: each embedded track of allowed length that has a file, once.

    Only what is not as it was embedded is listed by rows, so that this is short in a large library.
    """
    # One statement, so that hashes and rows are consistent: a batch may be embedded again.
    kept = _located(space).with_only_columns(VectorRow.batch_id, VectorRow.row).subquery()
    count, listed = func.count().label("count"), func.array_agg(kept.c.row).label("listed")
    of_batch = select(kept.c.batch_id, count, listed).group_by(kept.c.batch_id).subquery()
    some = case((of_batch.c.count < EmbeddedBatchRow.rows, of_batch.c.listed))
    found = session.execute(
        select(EmbeddedBatchRow.batch_id, EmbeddedBatchRow.sha256, EmbeddedBatchRow.rows, some)
        .join(of_batch, of_batch.c.batch_id == EmbeddedBatchRow.batch_id)
        .where(EmbeddedBatchRow.space == space)
        .order_by(EmbeddedBatchRow.batch_id)
    )
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


def record_version(session: Session, built: Mapping[str, Any]) -> None:
    """Record a built index.

    A version that was built before becomes the latest one again, no longer collected, and is
    otherwise unchanged; its manifest may have been written anew.
    """
    session.execute(
        insert(IndexVersionRow)
        .values(**built)
        .on_conflict_do_update(
            index_elements=[IndexVersionRow.version],
            set_={
                "built_at": func.now(),
                "build": BUILDS.next_value(),
                "collected_at": None,
                "manifest_sha256": built.get("manifest_sha256"),
            },
        )
    )


def latest_built(session: Session, space: str) -> str | None:
    """Return the version of `space` that was built last, or None."""
    newest = IndexVersionRow.build.desc()
    return session.scalars(
        select(IndexVersionRow.version)
        .where(IndexVersionRow.space == space)
        .order_by(newest)
        .limit(1)
    ).one_or_none()


def recorded_manifest(session: Session, version: str) -> str | None:
    """Return the recorded SHA-256 of the version's manifest; None if it was never recorded."""
    built = session.get(IndexVersionRow, version)
    return built.manifest_sha256 if built else None


def lost_batches(session: Session, space: str) -> list[str]:
    """Return the keys of the batches whose vectors are recorded, but lost with their file."""
    recorded = exists().where(
        EmbeddedBatchRow.space == VectorRow.space, EmbeddedBatchRow.batch_id == VectorRow.batch_id
    )
    lost = select(VectorRow.batch_id).distinct().where(VectorRow.space == space, ~recorded)
    return list(map(batch_key, session.scalars(lost.order_by(VectorRow.batch_id))))


def lock_publishing(session: Session) -> None:
    """Take the lock on publishing and retiring versions, until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(PUBLISHING_LOCK)))


def require_built(session: Session, version: str) -> None:
    """Require that the version was built and not removed.

    Raises ArtifactError, which names the newest versions that can be published.
    """
    built = session.get(IndexVersionRow, version)
    if built is not None and built.collected_at is None:
        return
    newest = session.scalars(
        select(IndexVersionRow)
        .where(IndexVersionRow.collected_at.is_(None))
        .order_by(IndexVersionRow.build.desc())
        .limit(NAMED_VERSIONS)
    )
    known = [
        f"{row.version} ({row.tracks} tracks, {row.built_at:%Y-%m-%d %H:%M})" for row in newest
    ]
    problem = (
        f"index {version} was removed by `soundalike gc`, or is lost"
        if built
        else f"no index version {version!r} was ever built"
    )
    choice = f"the newest are {', '.join(known)}" if known else "materialise faiss_index"
    raise ArtifactError(f"{problem}; {choice}")


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
