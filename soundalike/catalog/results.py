"""Results: statements that record what each stage did with a batch, one transaction a stage."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from soundalike.audio.tags.fields import READ_AS_A_WHOLE, TAGS_VERSION
from soundalike.catalog.batches import READING, StageFailure
from soundalike.catalog.failures import retry_delay
from soundalike.catalog.search_words import forget_words, record_words
from soundalike.catalog.tables import (
    BatchRow,
    EmbeddedBatchRow,
    FailureRow,
    FileRow,
    TrackRow,
    VectorRow,
)

if TYPE_CHECKING:  # the service reads the catalog without loading decoders
    from soundalike.audio.resample import Canonical


@dataclass(frozen=True)
class IdentifiedTrack:
    """The track that was identified in a file, as the catalog records it; `duration` in seconds."""

    id: str
    batch_id: int
    title: str
    artist: str | None
    artists: list[str]
    album: str | None
    genre: str | None
    genres: list[str]
    year: int | None
    file_tags: dict[str, Any]
    duration: float | None
    codec: str
    sample_rate: int
    channels: int
    sort_key: str


@dataclass(frozen=True)
class DecodedTrack:
    """A track's canonical audio, and the size in bytes and SHA-256 of its file."""

    audio: "Canonical"
    size: int
    sha256: str


CHANGED = "changed"  # the code of a failure, see `audio.decode`
# Columns that keep the values of the file that a track was first identified in.
KEPT_COLUMNS = frozenset(("batch_id", "duration"))


def lock_files(session: Session, batch_id: int) -> set[int]:
    """Lock the batch's files, so that no scan moves them to another batch until the commit.

    Returns their ids. A file that changed after it was read is in another batch by now, and its
    result is obsolete.
    """
    held = select(FileRow.id).where(FileRow.batch_id == batch_id).with_for_update()
    return set(session.scalars(held))


def record_tracks(session: Session, tracks: Mapping[int, IdentifiedTrack]) -> None:
    """Record the tracks identified in files (file id to track), and which file holds which track.

    A known track keeps its first batch and its length. Its metadata comes from its oldest listed
    file.
    """
    rows = [asdict(track) for track in sorted(tracks.values(), key=_by_id)]
    if not rows:
        return
    session.execute(insert(TrackRow).on_conflict_do_nothing(), rows)
    read = {"unread": False, "tags_version": TAGS_VERSION}
    session.execute(
        update(FileRow),
        [{"id": file, "track_id": track.id, **read} for file, track in tracks.items()],
    )
    authoritative = session.scalars(
        select(func.min(FileRow.id))
        .where(FileRow.track_id.in_({row["id"] for row in rows}), FileRow.gone_at.is_(None))
        .group_by(FileRow.track_id)
    )
    renewed = [
        {name: value for name, value in asdict(track).items() if name not in KEPT_COLUMNS}
        for track in sorted((tracks[file] for file in authoritative if file in tracks), key=_by_id)
    ]
    if renewed:
        session.execute(update(TrackRow), renewed)
    record_words(session, {row["id"] for row in rows})


def _by_id(track: IdentifiedTrack) -> str:
    """Return the sort key for writing tracks; one order everywhere avoids deadlocks."""
    return track.id


def forget_tracks(session: Session, file_ids: Collection[int]) -> None:
    """Record that no track could be identified in these files."""
    if file_ids:
        no_track = {"track_id": None, "unread": False, "tags_version": TAGS_VERSION}
        session.execute(update(FileRow).where(FileRow.id.in_(file_ids)).values(**no_track))
        forget_words(session, file_ids)


def record_manifest(session: Session, batch_id: int, sha256: str) -> None:
    """Record the batch's manifest, as it is on disk."""
    batch = update(BatchRow).where(BatchRow.id == batch_id)
    session.execute(batch.values(manifest_sha256=sha256))


def record_decoded(session: Session, decoded: Mapping[str, DecodedTrack]) -> None:
    """Record canonical audio; its length replaces the one that the container claims (seconds)."""
    rows = [
        {
            "id": track_id,
            "duration": flac.audio.seconds,
            "decoded_share": flac.audio.decoded_share,
            "audio_bytes": flac.size,
            "audio_sha256": flac.sha256,
        }
        for track_id, flac in decoded.items()
    ]
    if rows:
        session.execute(update(TrackRow), rows)


def record_failures(
    session: Session,
    batch_id: int,
    stage: str,
    tried: Collection[int],
    failures: Sequence[StageFailure],
) -> None:
    """Record which of the files `tried` at this stage failed; delete the others' failures."""
    past = FailureRow.file_id.in_(tried), FailureRow.stage == stage
    before = session.execute(select(FailureRow.file_id, FailureRow.attempts).where(*past))
    attempts = {row.file_id: row.attempts for row in before}
    failed = [failure.file.id for failure in failures]
    session.execute(delete(FailureRow).where(*past, FailureRow.file_id.not_in(failed)))
    # Its content was exchanged although it looks as it did: the next scan takes it again.
    exchanged = [failure.file.id for failure in failures if failure.code == CHANGED]
    again = update(FileRow).where(FileRow.id.in_(exchanged))
    session.execute(again.values(tags_version=READ_AS_A_WHOLE))
    for failure in failures:
        count = attempts.get(failure.file.id, 0) + 1
        delay = retry_delay(failure.code, count)
        now = {
            "batch_id": batch_id,
            "code": failure.code,
            "message": failure.message,
            "attempts": count,
            "failed_at": func.now(),
            "retry_at": None if delay is None else func.now() + delay,
        }
        session.execute(
            insert(FailureRow)
            .values(file_id=failure.file.id, stage=stage, **now)
            .on_conflict_do_update(index_elements=[FailureRow.file_id, FailureRow.stage], set_=now)
        )


def record_embeddings(
    session: Session,
    batch_id: int,
    space: str,
    sha256: str,
    tags: Mapping[str, list[dict[str, Any]]],
    sidecar_sha256: str | None = None,
    run_id: str | None = None,
) -> None:
    """Record a batch's .npy, by its hash and that of its sidecar.

    `tags` has its tracks in row order, an empty list keeps old tags. `run_id` is the Dagster run
    that made it.
    """
    session.execute(
        delete(VectorRow).where(VectorRow.space == space, VectorRow.batch_id == batch_id)
    )
    rows = [
        {"space": space, "track_id": track, "batch_id": batch_id, "row": row}
        for row, track in enumerate(tags)
    ]
    if rows:
        session.execute(insert(VectorRow), rows)
    # Failures after reading are the track's, which is embedded now, maybe from another file; but
    # one that has lost its canonical audio is not whole again.
    whole = FileRow.track_id.in_(list(tags)), TrackRow.decoded_share.is_not(None)
    of_track = select(FileRow.id).join(TrackRow, TrackRow.id == FileRow.track_id).where(*whole)
    past = FailureRow.file_id.in_(of_track), FailureRow.stage != READING
    session.execute(delete(FailureRow).where(*past))
    named = [{"id": track, "tags": words} for track, words in tags.items() if words]
    if named:
        session.execute(update(TrackRow), named)
    hashes = {"sha256": sha256, "sidecar_sha256": sidecar_sha256}
    done = {
        "rows": len(rows),
        **hashes,
        "embedded_at": func.now(),
        "dagster_run_id": run_id,
    }
    session.execute(
        insert(EmbeddedBatchRow)
        .values(space=space, batch_id=batch_id, **done)
        .on_conflict_do_update(
            index_elements=[EmbeddedBatchRow.space, EmbeddedBatchRow.batch_id], set_=done
        )
    )
