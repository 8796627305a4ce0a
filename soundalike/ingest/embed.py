"""Stage `embeddings`: one vector for every track a batch brought, as .npy with a sidecar."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial

import numpy as np

from soundalike.audio.windows import read_windows
from soundalike.catalog import batches, results
from soundalike.catalog.batches import BatchFile, StageFailure
from soundalike.catalog.engine import Sessions, batch_lock
from soundalike.catalog.library import batch_number
from soundalike.embedders.base import Embedder, Embedding, EmbeddingSpace, FloatArray
from soundalike.embedders.scheduler import EmbeddedItem, Scheduler
from soundalike.errors import ArtifactError
from soundalike.ingest.stage import Outcome, StageReport, attempt
from soundalike.progress import Progress
from soundalike.resource_usage import Monitor
from soundalike.storage.atomic import sha256_of
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.checks import check_matrix
from soundalike.vectors.embedding_files import load_batch, load_vectors, read_sidecar, save_batch
from soundalike.vectors.index_files import Check

STAGE = "embeddings"

Notes = dict[str, str | int | float]
Hearing = tuple[Embedding, float]  # and how many seconds of the track the model heard


def embed_batch(
    sessions: Sessions,
    store: ArtifactStore,
    space: EmbeddingSpace,
    load_embedder: Callable[[], Embedder],
    batch: str,
    progress: Progress,
) -> StageReport:
    """Embed what the batch's files do not hold yet; the model is loaded only if there is such.

    Rows are in track-id order, so the same tracks give the same bytes.
    """
    batch_id = batch_number(batch)
    with Monitor() as monitor, batch_lock(sessions, batch_id):
        with sessions() as session:
            files = batches.track_files_of(session, batch_id)
            recorded = batches.recorded_hash(session, batch_id, space.key)
        # One without canonical audio failed before; if it did not, its batch stays pending.
        files = [file for file in files if store.audio(str(file.track_id)).exists()]
        known = load_batch(store, space, batch, recorded)
        missing = [file for file in files if file.track_id not in known]
        outcomes: list[Outcome[Hearing]] = []
        notes: Notes = {"device": "none needed"}
        if missing:
            outcomes, notes = _extract(store, load_embedder(), missing, progress)
        new = {str(o.file.track_id): o.result for o in outcomes if o.result}
        embeddings = known | {track: embedding for track, (embedding, _) in new.items()}
        embeddings = dict(sorted(embeddings.items()))
        failures = [outcome.failure for outcome in outcomes if outcome.failure]
        _remove_damaged(store, failures)
        _refuse_unsound(embeddings, space)
        path = save_batch(store, space, batch, embeddings)
        tags = {track: [asdict(tag) for tag in e.tags] for track, e in embeddings.items()}
        with sessions.begin() as session:
            results.record_embeddings(session, batch_id, space.key, sha256_of(path), tags)
            tried = [file.id for file in missing]
            results.record_failures(session, batch_id, STAGE, tried, failures)
    return StageReport(
        stage=STAGE,
        done=len(embeddings),
        reused=len(known),
        failures=failures,
        audio_seconds=sum(seconds for _, seconds in new.values()),
        usage=monitor.usage(),
        notes={"space": space.key, "dimension": space.dimension, **notes},
    )


def _extract(
    store: ArtifactStore, embedder: Embedder, files: list[BatchFile], progress: Progress
) -> tuple[list[Outcome[Hearing]], Notes]:
    scheduler: Scheduler[BatchFile] = Scheduler(embedder)
    # Closed even if an outcome is raised: its readers would wait for ever otherwise.
    with closing(scheduler.run(files, partial(_windows, store, embedder))) as heard:
        outcomes = list(progress.track(map(_outcome, heard), STAGE, len(files)))
    seconds = round(scheduler.model_seconds, 2)
    return outcomes, {"device": embedder.device, "model_seconds": seconds}


def _remove_damaged(store: ArtifactStore, failures: Sequence[StageFailure]) -> None:
    """Canonical audio that cannot be read; the next try makes it anew."""
    for failure in failures:
        if failure.code == "damaged":
            store.audio(str(failure.file.track_id)).unlink(missing_ok=True)


def _refuse_unsound(embeddings: Mapping[str, Embedding], space: EmbeddingSpace) -> None:
    """Nothing unsound is ever recorded; the asset check then looks at what came to be on disk."""
    matrix = np.stack([e.vector for e in embeddings.values()]) if embeddings else None
    if matrix is None:
        return
    wrong = [c for c in check_matrix(matrix, space.dimension, len(embeddings)) if not c.passed]
    if wrong:
        raise ArtifactError(f"{space.key} made unsound vectors: {wrong[0].name}, {wrong[0].detail}")


def check_batch(
    sessions: Sessions, store: ArtifactStore, space: EmbeddingSpace, batch: str
) -> list[Check]:
    """Check a batch's .npy as it stands on disk, against its tracks, its sidecar and its space."""
    with sessions() as session:
        expected = set(batches.expected_tracks(session, batch_number(batch)))
    sidecar = read_sidecar(store, space.key, batch)
    matrix = load_vectors(store, space.key, batch)
    one_space = Check(
        name="one_space",
        passed=sidecar.fingerprint == space.fingerprint,
        detail=f"of space {sidecar.space}, configured is {space.key}",
    )
    missing = expected - set(sidecar.track_ids)
    complete = Check(
        name="complete",
        passed=not missing,
        detail=f"{len(missing)} of the batch's {len(expected)} tracks have neither row nor failure",
    )
    return [complete, one_space, *check_matrix(matrix, space.dimension, len(sidecar.track_ids))]


def _windows(store: ArtifactStore, embedder: Embedder, file: BatchFile) -> Iterator[FloatArray]:
    return read_windows(store.audio(str(file.track_id)), embedder.windows)


def _outcome(heard: EmbeddedItem[BatchFile]) -> Outcome[Hearing]:
    """What is the file's own error becomes its failure; others are raised."""

    def result(_: BatchFile) -> Hearing:
        if isinstance(heard.result, Exception):
            raise heard.result
        return heard.result, heard.seconds

    return attempt(result, heard.item)
