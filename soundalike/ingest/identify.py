"""Stage `raw_audio`: read each file of a batch once; identity, stream facts, tags, manifest."""

from contextlib import suppress
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from soundalike.audio.identity import Identified
from soundalike.audio.sandbox import Decoders
from soundalike.audio.tags.fields import FileTags, clean
from soundalike.catalog import batches, results
from soundalike.catalog.batch_locks import batch_lock
from soundalike.catalog.batches import READING as STAGE
from soundalike.catalog.batches import BatchFile
from soundalike.catalog.engine import Sessions
from soundalike.catalog.failures import TRANSIENT_CODES
from soundalike.catalog.results import IdentifiedTrack
from soundalike.catalog.tracks import sort_key
from soundalike.errors import ArtifactError
from soundalike.ingest.stage import (
    EVERYTHING,
    Outcome,
    Selection,
    StageReport,
    at_stage,
    attempt_all,
    version_of,
)
from soundalike.progress import Progress
from soundalike.resource_usage import Monitor
from soundalike.storage.atomic import atomic_file, sha256_of
from soundalike.storage.bucket_files import fetch_file, put_file
from soundalike.storage.layout import ArtifactStore

ReadFile = tuple[Identified, FileTags]

MANIFEST = pa.schema(
    [
        ("file_id", pa.int64()),
        ("path", pa.string()),
        ("track_id", pa.string()),
        ("container", pa.string()),
        ("codec", pa.string()),
        ("sample_rate", pa.int64()),
        ("channels", pa.int64()),
        ("duration", pa.float64()),
        ("failure", pa.string()),
    ]
)


def identify_batch(
    sessions: Sessions,
    store: ArtifactStore,
    decoders: Decoders,
    batch: str,
    progress: Progress,
    selection: Selection = EVERYTHING,
) -> StageReport:
    """Identify the batch's unread files; write its manifest, record tracks and failures.

    Files that the manifest already has are not read again, unless they failed or are forced. Raises
    LibraryError if there is no such batch.
    """
    with sessions() as session:
        batch_id = batches.require_batch(session, batch)
    with (
        Monitor() as monitor,
        at_stage(STAGE, batch),
        batch_lock(sessions, batch_id) as lock,
    ):
        with sessions() as session:
            files = batches.files_of(session, batch_id)
            recorded = batches.recorded_manifest(session, batch_id)
        rows = {row["file_id"]: row for row in _read_manifest(store, batch, recorded)}
        unread = [
            file
            for file in selection.of(files)
            if selection.force or file.unread or not _is_of(rows.get(file.id), file)
        ]
        read = partial(_read, decoders, store)
        tracked = progress.track(attempt_all(read, unread), STAGE, len(unread), _seconds)
        outcomes = list(tracked)
        rows |= {outcome.file.id: _row(outcome) for outcome in outcomes}
        manifest = [rows[file.id] for file in files if file.id in rows]
        with sessions.begin() as session:
            lock.fence(session)
            results.record_manifest(session, batch_id, _write_manifest(store, batch, manifest))
            ours = results.lock_files(session, batch_id)
            outcomes = [outcome for outcome in outcomes if outcome.file.id in ours]
            failures = [outcome.failure for outcome in outcomes if outcome.failure]
            tracks = {o.file.id: _track(batch_id, o.file, *o.result) for o in outcomes if o.result}
            results.record_tracks(session, tracks)
            # A transient failure says nothing of the file: it keeps its track, and is read again.
            lost = [failure.file.id for failure in failures if failure.code not in TRANSIENT_CODES]
            results.forget_tracks(session, lost)
            tried = [outcome.file.id for outcome in outcomes]
            results.record_failures(session, batch_id, STAGE, tried, failures)
    return StageReport(
        stage=STAGE,
        version=version_of(manifest),
        batch=batch,
        uri=store.batch_manifest(batch).as_uri(),
        done=len(files) - len(unread) + len(tracks),
        reused=len(files) - len(unread),
        failures=failures,
        audio_seconds=sum(map(_seconds, outcomes)),
        usage=monitor.usage(),
        notes={"files": len(files), "recordings": len({track.id for track in tracks.values()})},
        files=manifest,
    )


def _seconds(outcome: Outcome[ReadFile]) -> float:
    return (outcome.result[0].facts.duration or 0.0) if outcome.result else 0.0


def _read(decoders: Decoders, store: ArtifactStore, file: BatchFile) -> ReadFile:
    with file.local_copy(store.scratch) as path:
        if file.retagged and file.track_id:
            return decoders.read_tags(path, file.track_id)
        return decoders.read(path)


def _track(
    batch_id: int, file: BatchFile, identified: Identified, tags: FileTags
) -> IdentifiedTrack:
    """Return the catalog's row; without a title, the file's name is the title, as in players."""
    facts = identified.facts
    title = tags.title or clean(PurePosixPath(file.shown).stem) or identified.track_id
    return IdentifiedTrack(
        id=identified.track_id,
        batch_id=batch_id,
        title=title,
        artist=tags.artist,
        artists=list(tags.artists),
        album=tags.album,
        genre=tags.genre,
        genres=list(tags.genres),
        year=tags.year,
        file_tags=tags.details,
        duration=facts.duration,
        codec=facts.codec,
        sample_rate=facts.sample_rate,
        channels=facts.channels,
        sort_key=sort_key(title, tags.artist, tags.album),
    )


def _is_of(row: dict[str, Any] | None, file: BatchFile) -> bool:
    return row is not None and row["track_id"] == file.track_id


def _row(outcome: Outcome[ReadFile]) -> dict[str, Any]:
    """Return a row of the manifest; columns that are unknown for a failed file are null."""
    row = {"file_id": outcome.file.id, "path": outcome.file.shown}
    if outcome.result is None:
        return row | {"failure": outcome.failure and outcome.failure.code}
    identified, _ = outcome.result
    return row | {"track_id": identified.track_id} | vars(identified.facts)


def _read_manifest(store: ArtifactStore, batch: str, recorded: str | None) -> list[dict[str, Any]]:
    """Return the rows of an earlier run; none if they are missing, damaged or of another form.

    `recorded` is the SHA-256 that the file must have, if it is known.
    """
    path = store.batch_manifest(batch)
    try:
        with suppress(ArtifactError):
            fetch_file(store, path, recorded)
        if recorded is not None and sha256_of(path) != recorded:
            return []
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid):
        return []
    rows: list[dict[str, Any]] = table.to_pylist() if table.schema.equals(MANIFEST) else []
    return rows


def _write_manifest(store: ArtifactStore, batch: str, rows: list[dict[str, Any]]) -> str:
    """Write one row per file, in path order, and return the file's SHA-256.

    The same files give the same bytes.
    """
    path = store.batch_manifest(batch)
    with atomic_file(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, MANIFEST), temporary)
    sha256 = sha256_of(path)
    put_file(store, path, sha256)
    return sha256
