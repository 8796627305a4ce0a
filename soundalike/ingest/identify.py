"""Stage `raw_audio`: read every file of a batch once; identity, stream facts, tags, manifest."""

from functools import partial
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from soundalike.audio.identity import Identified
from soundalike.audio.sandbox import Decoders
from soundalike.audio.tags import FileTags, clean
from soundalike.catalog import batches, results
from soundalike.catalog.batches import BatchFile
from soundalike.catalog.engine import Sessions, batch_lock
from soundalike.catalog.library import batch_number
from soundalike.catalog.tracks import sort_key
from soundalike.ingest.stage import Outcome, StageReport, attempt_all
from soundalike.monitoring import Monitor
from soundalike.progress import Progress
from soundalike.storage.atomic import atomic_file
from soundalike.storage.layout import ArtifactStore

STAGE = "raw_audio"

Read = tuple[Identified, FileTags]


def identify_batch(
    sessions: Sessions, store: ArtifactStore, batch: str, progress: Progress
) -> StageReport:
    """Identify the batch's files, write its manifest, and record tracks and failures."""
    batch_id = batch_number(batch)
    with Monitor() as monitor, batch_lock(sessions, batch_id), Decoders() as decoders:
        with sessions() as session:
            files = batches.files_of(session, batch_id)
        work = partial(_read, decoders)
        outcomes = list(progress.track(attempt_all(work, files), STAGE, len(files)))
        _write_manifest(store, batch, outcomes)
        with sessions.begin() as session:
            ours = results.hold_files(session, batch_id)
            outcomes = [outcome for outcome in outcomes if outcome.file.id in ours]
            failures = [outcome.failure for outcome in outcomes if outcome.failure]
            tracks = {o.file.id: _track(batch_id, o.file, *o.result) for o in outcomes if o.result}
            results.record_tracks(session, tracks)
            results.forget_tracks(session, [failure.file.id for failure in failures])
            results.record_failures(session, batch_id, STAGE, ours, failures)
    return StageReport(
        stage=STAGE,
        done=len(tracks),
        reused=0,
        failures=failures,
        audio_seconds=sum(o.result[0].facts.duration or 0 for o in outcomes if o.result),
        usage=monitor.usage(),
        notes={"files": len(files), "recordings": len({track["id"] for track in tracks.values()})},
    )


def _read(decoders: Decoders, file: BatchFile) -> Read:
    return decoders.read(file.source)


def _track(batch_id: int, file: BatchFile, found: Identified, tags: FileTags) -> dict[str, Any]:
    """A row for the catalog. A file without a title is called by its name, as players do."""
    title = tags.title or clean(PurePosixPath(file.shown).stem) or found.track_id
    return {
        "id": found.track_id,
        "batch_id": batch_id,
        "title": title,
        "artist": tags.artist,
        "album": tags.album,
        "genre": tags.genre,
        "year": tags.year,
        "duration": found.facts.duration,
        "codec": found.facts.codec,
        "sample_rate": found.facts.sample_rate,
        "channels": found.facts.channels,
        "sort_key": sort_key(title, tags.artist, tags.album),
    }


def _write_manifest(store: ArtifactStore, batch: str, outcomes: list[Outcome[Read]]) -> None:
    """One row per file, in path order; the same files give the same bytes."""
    read = [outcome.result for outcome in outcomes]
    table = pa.table(
        {
            "file_id": pa.array([o.file.id for o in outcomes], pa.int64()),
            "path": pa.array([o.file.shown for o in outcomes], pa.string()),
            "track_id": pa.array([r and r[0].track_id for r in read], pa.string()),
            "container": pa.array([r and r[0].facts.container for r in read], pa.string()),
            "codec": pa.array([r and r[0].facts.codec for r in read], pa.string()),
            "sample_rate": pa.array([r and r[0].facts.sample_rate for r in read], pa.int64()),
            "channels": pa.array([r and r[0].facts.channels for r in read], pa.int64()),
            "duration": pa.array([r and r[0].facts.duration for r in read], pa.float64()),
            "failure": pa.array([o.failure and o.failure.code for o in outcomes], pa.string()),
        }
    )
    with atomic_file(store.batch_manifest(batch)) as temporary:
        pq.write_table(table, temporary)
