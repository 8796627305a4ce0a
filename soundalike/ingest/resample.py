"""Stage `resampled_audio`: the canonical FLAC (44.1 kHz mono) of each track of a batch."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import soundfile
from sqlalchemy.orm import Session

from soundalike.audio.resample import canonical_facts
from soundalike.audio.sandbox import Decoders
from soundalike.catalog import batches, results
from soundalike.catalog.batch_locks import batch_lock
from soundalike.catalog.batches import BatchFile
from soundalike.catalog.engine import Sessions
from soundalike.catalog.results import DecodedTrack
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
from soundalike.ingest.upstream import require_read
from soundalike.progress import Progress
from soundalike.resource_usage import Monitor
from soundalike.storage.atomic import sha256_of
from soundalike.storage.bucket_files import fetch_file, put_file, put_missing_file
from soundalike.storage.layout import ArtifactStore

STAGE = "resampled_audio"

Recorded = Mapping[str, tuple[int, str]]  # size and SHA-256 of a FLAC, by track


@dataclass(frozen=True)
class Resampled:
    """A track's canonical audio; `reused`: its FLAC existed already."""

    track: DecodedTrack
    reused: bool


def resample_batch(
    sessions: Sessions,
    store: ArtifactStore,
    decoders: Decoders,
    batch: str,
    progress: Progress,
    selection: Selection = EVERYTHING,
    space: str | None = None,
) -> StageReport:
    """Write missing, damaged or forced canonical FLACs; record lengths, flaws and failures.

    Where canonical audio does not stay in the data root, tracks that have a vector in `space` need
    none and are left out. Raises LibraryError if there is no such batch, and ArtifactError if a
    file is not read yet.
    """
    with sessions() as session:
        batch_id = batches.require_batch(session, batch)
    with (
        Monitor() as monitor,
        at_stage(STAGE, batch),
        batch_lock(sessions, batch_id) as lock,
    ):
        with sessions() as session:
            require_read(session, batch_id, selection)
            files = selection.of(batches.track_files_of(session, batch_id))
            recorded = batches.recorded_audio(session, batch_id)
            settled = _settled(session, store, batch_id, space, selection)
        files = [file for file in files if file.track_id not in settled]
        work = partial(_canonical, store, decoders, recorded, selection.force)
        tracked = progress.track(attempt_all(work, files), STAGE, len(files), _seconds)
        outcomes = list(tracked)
        failures = [outcome.failure for outcome in outcomes if outcome.failure]
        done = {str(o.file.track_id): o.result for o in outcomes if o.result}
        with sessions.begin() as session:
            lock.fence(session)
            results.record_decoded(session, {id_: result.track for id_, result in done.items()})
            tried = [file.id for file in files]
            results.record_failures(session, batch_id, STAGE, tried, failures)
            left_out = batches.count_excluded(session, batch_id)
            decoded = batches.decoded_tracks(session, batch_id)
    flawed = [o.file.shown for o in outcomes if o.result and o.result.track.audio.decoded_share < 1]
    return StageReport(
        stage=STAGE,
        version=version_of(decoded),
        batch=batch,
        uri=store.canonical.as_uri(),
        done=len(done) + len(settled),
        reused=sum(result.reused for result in done.values()) + len(settled),
        failures=failures,
        audio_seconds=sum(map(_seconds, outcomes)),
        usage=monitor.usage(),
        notes={"left_out_by_length": left_out, "partly_broken": len(flawed)},
        flawed=flawed,
    )


def _settled(
    session: Session, store: ArtifactStore, batch_id: int, space: str | None, selection: Selection
) -> set[str]:
    """Return the tracks that need no canonical audio: it was decoded, embedded, and removed."""
    if store.has_all_audio or space is None or selection.force:
        return set()
    decoded = batches.recorded_audio(session, batch_id)
    return batches.embedded_tracks(session, batch_id, space) & decoded.keys()


def _seconds(outcome: Outcome[Resampled]) -> float:
    """Return how much audio was resampled now: none if its FLAC existed already."""
    if outcome.result is None or outcome.result.reused:
        return 0.0
    return outcome.result.track.audio.seconds


def _canonical(
    store: ArtifactStore, decoders: Decoders, recorded: Recorded, force: bool, file: BatchFile
) -> Resampled:
    """Return the facts of the track's FLAC, which is written unless it exists as recorded."""
    track_id = str(file.track_id)
    target = store.audio(track_id)
    size, sha256 = recorded.get(track_id, (None, None))
    if not force:
        if store.keep_audio == "bucket":
            with suppress(ArtifactError):  # then it is decoded
                fetch_file(store, target, sha256)
        with suppress(soundfile.LibsndfileError):  # missing, or damaged: written again
            audio, found = canonical_facts(target), target.stat().st_size
            if size in (None, found):
                hashed = sha256 or sha256_of(target)
                if store.keep_audio == "bucket":
                    put_missing_file(store, target, hashed)
                return Resampled(DecodedTrack(audio, found, hashed), reused=True)
    with file.local_copy(store.scratch) as path:
        audio = decoders.write_canonical(path, track_id, target)
    sha256 = sha256_of(target)
    if store.keep_audio == "bucket":
        put_file(store, target, sha256)
    return Resampled(DecodedTrack(audio, target.stat().st_size, sha256), reused=False)
