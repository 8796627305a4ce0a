"""Artifacts: what is recorded of the files below the data root that are needed, and forgetting it.

A stage makes again what is not recorded of a batch, so its batch is pending then.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Text,
    any_,
    delete,
    exists,
    literal,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from soundalike.catalog.library import batch_key
from soundalike.catalog.presence import is_embeddable
from soundalike.catalog.publications import published
from soundalike.catalog.tables import (
    BatchRow,
    EmbeddedBatchRow,
    FileRow,
    IndexVersionRow,
    TrackRow,
)


class RecordedAudio(NamedTuple):
    """A track's canonical audio: its length in seconds; its file's size and hash, if known."""

    batch_id: int
    track: str
    seconds: float
    size: int | None
    sha256: str | None


class RecordedManifest(NamedTuple):
    """A batch's manifest, and its hash, if known."""

    batch_id: int
    batch: str
    sha256: str | None


class RecordedEmbeddings(NamedTuple):
    """A batch's embeddings in a space: the hash of its .npy, and that of its sidecar, if known."""

    batch_id: int
    batch: str
    space: str
    sha256: str
    sidecar_sha256: str | None


class RecordedIndex(NamedTuple):
    """An index version that was not retired, and the hash of its manifest, if known."""

    version: str
    sha256: str | None
    served: bool


def has_any(session: Session) -> bool:
    """Return whether anything was ever made of the music."""
    return bool(session.scalar(select(exists(select(EmbeddedBatchRow.batch_id)))))


def audio(session: Session, batches: Collection[int] | None) -> list[RecordedAudio]:
    """Return the canonical audio of tracks that are in the library, of all batches or of these."""
    columns = TrackRow.duration, TrackRow.audio_bytes, TrackRow.audio_sha256
    decoded = select(TrackRow.batch_id, TrackRow.id, *columns).where(
        TrackRow.decoded_share.is_not(None), is_embeddable(), _one_of(TrackRow.batch_id, batches)
    )
    rows = session.execute(decoded.order_by(TrackRow.batch_id, TrackRow.id))
    return [
        RecordedAudio(batch, id_, length or 0.0, size, sha256)
        for batch, id_, length, size, sha256 in rows
    ]


def manifests(session: Session, batches: Collection[int] | None) -> list[RecordedManifest]:
    """Return the manifests of batches that were read and have files of the library."""
    rows = session.execute(
        select(BatchRow.id, BatchRow.manifest_sha256)
        .where(exists().where(FileRow.batch_id == BatchRow.id, *_READ))
        .where(_one_of(BatchRow.id, batches))
        .order_by(BatchRow.id)
    )
    return [RecordedManifest(id_, batch_key(id_), sha256) for id_, sha256 in rows]


def embeddings(session: Session, batches: Collection[int] | None) -> list[RecordedEmbeddings]:
    """Return the embeddings of batches, in every space."""
    id_ = EmbeddedBatchRow.batch_id
    hashes = EmbeddedBatchRow.sha256, EmbeddedBatchRow.sidecar_sha256
    recorded = select(id_, EmbeddedBatchRow.space, *hashes).where(_one_of(id_, batches))
    rows = session.execute(recorded.order_by(id_, EmbeddedBatchRow.space))
    return [
        RecordedEmbeddings(batch, batch_key(batch), space, sha256, sidecar)
        for batch, space, sha256, sidecar in rows
    ]


def indexes(session: Session) -> list[RecordedIndex]:
    """Return the index versions that were not retired, oldest first."""
    kept = IndexVersionRow.collected_at.is_(None)
    columns = select(IndexVersionRow.version, IndexVersionRow.manifest_sha256)
    rows = session.execute(columns.where(kept).order_by(IndexVersionRow.build))
    now = published(session)
    served = now.index.version if now else None
    return [RecordedIndex(version, sha256, version == served) for version, sha256 in rows]


def forget_audio(session: Session, tracks: Sequence[str]) -> None:
    """Record that these tracks have no canonical audio."""
    lost = TrackRow.id == any_(literal(list(tracks), ARRAY(Text)))
    nothing = {"decoded_share": None, "audio_bytes": None, "audio_sha256": None}
    session.execute(update(TrackRow).where(lost).values(**nothing))


def forget_manifest(session: Session, batch_id: int) -> None:
    """Record that the batch has no manifest: its files are unread, and keep their tracks."""
    session.execute(update(BatchRow).where(BatchRow.id == batch_id).values(manifest_sha256=None))
    files = FileRow.batch_id == batch_id, *_READ
    session.execute(update(FileRow).where(*files).values(unread=True))


def forget_embeddings(session: Session, batch_id: int, space: str) -> None:
    """Record that the batch is not embedded in the space. Which tracks it had stays known."""
    lost = EmbeddedBatchRow.batch_id == batch_id, EmbeddedBatchRow.space == space
    session.execute(delete(EmbeddedBatchRow).where(*lost))


_READ = FileRow.gone_at.is_(None), FileRow.track_id.is_not(None), ~FileRow.unread


def _one_of(
    column: InstrumentedAttribute[int], batches: Collection[int] | None
) -> ColumnElement[bool]:
    if batches is None:
        return literal(True)
    return column == any_(literal(list(batches), ARRAY(BigInteger)))
