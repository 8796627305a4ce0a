"""Stage `resampled_audio`: the canonical 44.1 kHz mono FLAC of every track a batch brought."""

from contextlib import suppress
from functools import partial

import soundfile

from soundalike.audio.resample import canonical_facts
from soundalike.audio.sandbox import Decoders
from soundalike.catalog import batches, results
from soundalike.catalog.batches import BatchFile
from soundalike.catalog.engine import Sessions, batch_lock
from soundalike.catalog.library import batch_number
from soundalike.ingest.stage import StageReport, attempt_all
from soundalike.monitoring import Monitor
from soundalike.progress import Progress
from soundalike.storage.layout import ArtifactStore

STAGE = "resampled_audio"


def resample_batch(
    sessions: Sessions, store: ArtifactStore, batch: str, progress: Progress
) -> StageReport:
    """Write each track's FLAC where it is not there yet; record lengths and failures."""
    batch_id = batch_number(batch)
    with Monitor() as monitor, batch_lock(sessions, batch_id), Decoders() as decoders:
        with sessions() as session:
            files = batches.track_files_of(session, batch_id)
        work = partial(_canonical_seconds, store, decoders)
        outcomes = list(progress.track(attempt_all(work, files), STAGE, len(files)))
        failures = [outcome.failure for outcome in outcomes if outcome.failure]
        done = {str(o.file.track_id): o.result for o in outcomes if o.result}
        with sessions.begin() as session:
            results.record_durations(
                session, {track: seconds for track, (seconds, _) in done.items()}
            )
            tried = [file.id for file in files]
            results.record_failures(session, batch_id, STAGE, tried, failures)
    return StageReport(
        stage=STAGE,
        done=len(done),
        reused=sum(reused for _, reused in done.values()),
        failures=failures,
        audio_seconds=sum(seconds for seconds, reused in done.values() if not reused),
        usage=monitor.usage(),
        notes={},
    )


def _canonical_seconds(
    store: ArtifactStore, decoders: Decoders, file: BatchFile
) -> tuple[float, bool]:
    """The track's length, and whether its FLAC was there already."""
    track_id = str(file.track_id)
    target = store.audio(track_id)
    with suppress(soundfile.LibsndfileError):  # missing, or damaged: written again
        return canonical_facts(target).seconds, True
    return decoders.write_canonical(file.source, track_id, target).seconds, False
