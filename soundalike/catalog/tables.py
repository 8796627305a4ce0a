"""The catalog's tables as SQLAlchemy 2 models: columns and constraints only."""

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Numeric,
    Sequence,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of the models; maps each Python type to one Postgres type."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own protocol
        str: Text,
        bytes: LargeBinary,
        int: BigInteger,
        Decimal: Numeric,
        dt.datetime: TIMESTAMP(timezone=True),
        list[dict[str, Any]]: JSONB,
        dict[str, Any]: JSONB,
    }


# As filters compare them, and as indexes have them: an index serves only its own expression.
RECORDING_ID = "lower(file_tags ->> 'musicbrainz_recording_id'::text)"
ISRCS = "(translate(upper(file_tags ->> 'isrcs'::text), ' -'::text, ''::text))::jsonb"
PATH_BYTES = 256
PATH_START = f"substr(path, 1, {PATH_BYTES})"
BUILDS = Sequence("index_builds", metadata=Base.metadata)


class RootRow(Base):
    """A folder or bucket of music; `location` is its exact path or URL, as bytes.

    `name` is what clients know it by, for good: it tells nothing of what lies above the folder.
    `scanned_at`: when it was last compared with the catalog; `problems`: messages of that scan.
    `removed_at`: when a person removed it; its files are gone then. `configured`: SOUNDALIKE_MUSIC
    named it.
    """

    __tablename__ = "roots"
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    location: Mapped[bytes] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(unique=True)
    added_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    scanned_at: Mapped[dt.datetime | None]
    problems: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    removed_at: Mapped[dt.datetime | None]
    configured: Mapped[bool] = mapped_column(server_default=text("false"))


class BatchRow(Base):
    """A sealed unit of ingest, whose files refer to it; its partition key is `b<id>`.

    Ids have no gaps, so that a scan that is repeated after a kill seals the same batches.
    `manifest_sha256` is of its manifest's file. `lock_holder` counts who has held its lock.
    """

    __tablename__ = "batches"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sealed_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    manifest_sha256: Mapped[str | None]
    lock_holder: Mapped[int] = mapped_column(BigInteger, server_default="0")


class TrackRow(Base):
    """A recording.

    `artists` and `genres` are single values, `artist` and `genre` what is shown. `file_tags`: all
    else that its file's tags say (soundalike/audio/tags/fields.py).
    `id` is the hash of its audio stream. `batch_id` is the batch that it was first identified in,
    whose .npy has its vector. `duration` is in seconds. `decoded_share`: how much of its audio was
    not broken, 0..1; null if it has no canonical audio, whose size and hash follow. `names`: its
    folded names, see `search_words`.
    """

    __tablename__ = "tracks"
    __table_args__ = (
        Index(None, "sort_key", "id"),
        Index(None, "names", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        Index("ix_tracks_recording_id", text(f"({RECORDING_ID})")),
        Index(
            "ix_tracks_isrcs",
            text(f"({ISRCS})"),
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        ),
    )
    id: Mapped[str] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), index=True)
    title: Mapped[str]
    artist: Mapped[str | None]
    artists: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    album: Mapped[str | None]
    genre: Mapped[str | None]
    genres: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    year: Mapped[int | None]
    file_tags: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    duration: Mapped[float | None]
    decoded_share: Mapped[float | None]
    audio_bytes: Mapped[int | None]
    audio_sha256: Mapped[str | None]
    codec: Mapped[str]
    sample_rate: Mapped[int]
    channels: Mapped[int]
    tags: Mapped[list[dict[str, Any]]] = mapped_column(server_default="[]")
    sort_key: Mapped[str] = mapped_column(Text(collation="C"))
    names: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    added_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class FileRow(Base):
    """A file of a music root.

    `path` is relative to the root, exact, as bytes; `shown` is its printable form. `unread`: its
    batch has not processed it yet. `gone_as_of_batch`: the newest batch when the file was missed;
    while a batch up to that one has unread files, the file may only have moved into it.
    `tags_version`: of the reader that read its tags (soundalike/audio/tags/fields.py); negative if
    the file is to be read as a whole, whatever is known of it.
    """

    __tablename__ = "files"
    # A hash or the start of a path: a B-tree row holds at most 2.7 kB, a path may have 4 kB.
    __table_args__ = (
        Index("uq_files_root_id_path", "root_id", text("sha256(path)"), unique=True),
        Index("ix_files_path_start", "root_id", text(PATH_START)),
        Index("ix_files_unread", "batch_id", postgresql_where=text("unread")),
        Index("ix_files_gone", "id", postgresql_where=text("gone_at is not null")),
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    root_id: Mapped[int] = mapped_column(ForeignKey("roots.id"))
    path: Mapped[bytes]
    shown: Mapped[str]
    size: Mapped[int]
    mtime_ns: Mapped[int]
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), index=True)
    track_id: Mapped[str | None] = mapped_column(ForeignKey("tracks.id"), index=True)
    unread: Mapped[bool] = mapped_column(server_default=text("true"))
    tags_version: Mapped[int] = mapped_column(server_default="0")
    gone_at: Mapped[dt.datetime | None]
    gone_as_of_batch: Mapped[int | None]


class FileWordsRow(Base):
    """The folded words of a file's path and of its track's metadata, see `search_words`.

    `track_id` and `sort_key` are copies of its track's, so that a search reads one table.
    """

    __tablename__ = "file_words"
    __table_args__ = (
        Index(None, "words", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
    )
    file_id: Mapped[int] = mapped_column(
        ForeignKey("files.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    track_id: Mapped[str]
    sort_key: Mapped[str] = mapped_column(Text(collation="C"))
    words: Mapped[str] = mapped_column(TSVECTOR)


class TrackChangeRow(Base):
    """A transaction that changed what is shown of a track, or its files; triggers write it.

    Readers follow it by transactions, see `columns.changes`. A row without a track says that the
    log is whole from there on.
    """

    __tablename__ = "track_changes"
    xid: Mapped[int] = mapped_column(
        primary_key=True,
        autoincrement=False,
        server_default=text("pg_current_xact_id()::text::bigint"),
    )
    track_id: Mapped[str] = mapped_column(primary_key=True)
    changed_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class FailureRow(Base):
    """A file's failure in a stage; removed when the file succeeds in it.

    `retry_at`: when it is retried automatically; None for never.
    """

    __tablename__ = "failures"
    file_id: Mapped[int] = mapped_column(
        ForeignKey("files.id", ondelete="CASCADE"), primary_key=True
    )
    stage: Mapped[str] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), index=True)
    code: Mapped[str]
    message: Mapped[str]
    attempts: Mapped[int] = mapped_column(server_default="1")
    failed_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    retry_at: Mapped[dt.datetime | None]


class LengthRuleRow(Base):
    """The length rule: minimum and maximum length of the library's tracks, in seconds; one row."""

    __tablename__ = "length_rule"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    shortest: Mapped[float]
    longest: Mapped[float]


class LibrarySettingsRow(Base):
    """The settings that are the same for all processes of the library; one row.

    `space`: the key of the embedding space that `model` and `windows` make. The scan that comes
    next applies the lengths, as the length rule. `arithmetic`: that of the cluster's machines that
    embed (arithmetic.py); null until one of a cluster has.
    """

    __tablename__ = "library_settings"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    model: Mapped[str]
    windows: Mapped[str]
    space: Mapped[str]
    index_kind: Mapped[str]
    extensions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    shortest_seconds: Mapped[float]
    longest_seconds: Mapped[float]
    changed_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    arithmetic: Mapped[str | None]


class EmbeddedBatchRow(Base):
    """A batch's .npy in one embedding space, and the sidecar beside it.

    `dagster_run_id`: the run that wrote it; null for one that no run did, or of before 0011.
    """

    __tablename__ = "embedded_batches"
    space: Mapped[str] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    rows: Mapped[int]
    sha256: Mapped[str]
    sidecar_sha256: Mapped[str | None]
    embedded_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    dagster_run_id: Mapped[str | None]


class VectorRow(Base):
    """A track's vector: its row in its batch's .npy."""

    __tablename__ = "vectors"
    space: Mapped[str] = mapped_column(primary_key=True)
    track_id: Mapped[str] = mapped_column(ForeignKey("tracks.id"), primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), index=True)
    row: Mapped[int]


class BatchChangeRow(Base):
    """A transaction that changed a batch's files, tracks, failures or vectors; triggers write it.

    The batch's summaries are out of date until `batch_summaries.settle` has made them anew.
    """

    __tablename__ = "batch_changes"
    batch_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    xid: Mapped[int] = mapped_column(
        primary_key=True,
        autoincrement=False,
        server_default=text("pg_current_xact_id()::text::bigint"),
    )


class BatchSummaryRow(Base):
    """A batch's work as it was at `read_at`; it can be made again from the other tables.

    `due`: the sum of the ids of its files that are due to be read, null for none. `embeddable`: the
    number of its tracks that are. It is valid until `valid_until`, when a failure's next attempt is
    due, and while `presence.oldest_unread` is above `gone_before` and not above `gone_from`: these
    are batches as of which files of its tracks are gone. `files` is the number of its files, and
    `files_hash` the sum of their hashes, see `summary_readings`.
    """

    __tablename__ = "batch_summaries"
    batch_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    due: Mapped[str | None]
    embeddable: Mapped[int]
    read_at: Mapped[dt.datetime]
    valid_until: Mapped[dt.datetime | None]
    gone_before: Mapped[int | None]
    gone_from: Mapped[int | None]
    files: Mapped[int]
    files_hash: Mapped[Decimal]


class SpaceSummaryRow(Base):
    """A batch's vectors in one space, as they were when its BatchSummaryRow was written.

    `sha256`, `rows` and `embedded_at` are those of its .npy, null if it is lost. `kept`: how many
    of its vectors an index has now, `kept_rows` which, null for all `rows`. `whole`: how many
    embeddable tracks have a vector and canonical audio.
    """

    __tablename__ = "space_summaries"
    space: Mapped[str] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, index=True)
    sha256: Mapped[str | None]
    rows: Mapped[int | None]
    embedded_at: Mapped[dt.datetime | None]
    kept: Mapped[int]
    kept_rows: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    whole: Mapped[int]


class IndexVersionRow(Base):
    """A built index; `version` is a hash of everything that went into it.

    `created_at` is when it was first built, `built_at` when a build last produced it. Builds are
    ordered by `build`, as clocks may go backwards. `collected_at`: when garbage collection retired
    it. `manifest_sha256` is of its manifest's file, which has the hashes of the others.
    """

    __tablename__ = "index_versions"
    version: Mapped[str] = mapped_column(primary_key=True)
    space: Mapped[str]
    model: Mapped[str]
    kind: Mapped[str]
    dimension: Mapped[int]
    tracks: Mapped[int]
    dagster_run_id: Mapped[str | None]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    built_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    build: Mapped[int] = mapped_column(BUILDS, server_default=BUILDS.next_value(), unique=True)
    collected_at: Mapped[dt.datetime | None]
    manifest_sha256: Mapped[str | None]


class PublicationRow(Base):
    """A publication of an index version; the newest row is the served one.

    `by_hand`: a user chose the version, so automation keeps it until a user publishes another.
    `dagster_run_id`: the run that published it.
    """

    __tablename__ = "publications"
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    version: Mapped[str] = mapped_column(ForeignKey("index_versions.version"))
    by_hand: Mapped[bool]
    dagster_run_id: Mapped[str | None]
    published_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class ApiKeyRow(Base):
    """A key of the API; of keys that are not revoked, each has a name of its own.

    `sha256` is the key's hash in hex and `prefix` its first characters, by which its owner
    recognises it; the key itself is nowhere. `last_used_at` is as coarse as an hour.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        Index("ix_api_keys_name", "name", unique=True, postgresql_where=text("revoked_at is null")),
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    scope: Mapped[str]
    prefix: Mapped[str]
    sha256: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    revoked_at: Mapped[dt.datetime | None]
    last_used_at: Mapped[dt.datetime | None]
