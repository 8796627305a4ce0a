"""Stage `embeddings`: one vector for each track of a batch, as .npy with a sidecar."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict

import numpy as np

from soundalike.catalog import batches, results
from soundalike.catalog.batch_locks import batch_lock
from soundalike.catalog.batches import BatchFile, StageFailure
from soundalike.catalog.engine import Sessions
from soundalike.embedders.base import Embedder, Embedding, EmbeddingSpace
from soundalike.embedders.scheduler import EmbeddedItem, embed_files
from soundalike.errors import ArtifactError
from soundalike.ingest.stage import (
    EVERYTHING,
    Outcome,
    Selection,
    StageReport,
    at_stage,
    attempt,
)
from soundalike.ingest.upstream import require_read, with_audio
from soundalike.progress import Progress
from soundalike.resource_usage import Monitor
from soundalike.storage.atomic import sha256_of
from soundalike.storage.bucket_files import fetch_file
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.checks import check_matrix
from soundalike.vectors.embedding_files import load_batch, put_batch, save_batch

STAGE = "embeddings"

Notes = dict[str, str | int | float]
Embedded = tuple[Embedding, float]  # and the seconds of audio that were embedded


def embed_batch(
    sessions: Sessions,
    store: ArtifactStore,
    space: EmbeddingSpace,
    load_embedder: Callable[[], Embedder],
    batch: str,
    progress: Progress,
    selection: Selection = EVERYTHING,
    run_id: str | None = None,
) -> StageReport:
    """Embed the batch's tracks that have no vector yet; load the model only if there are any.

    Rows are in track-id order, so the same tracks give the same bytes. `run_id` is the Dagster run
    that does it. Raises LibraryError if there
    is no such batch, and ArtifactError if the stages before have not had it yet.
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
            files = batches.track_files_of(session, batch_id)
            recorded = batches.recorded_hash(session, batch_id, space.key)
            sidecar = batches.recorded_sidecar(session, batch_id, space.key)
        known = load_batch(store, space, batch, recorded, sidecar)
        missing = [
            file for file in selection.of(files) if selection.force or file.track_id not in known
        ]
        with sessions() as session:
            _fetch_audio(store, batches.recorded_audio(session, batch_id), missing)
            missing = with_audio(session, store, batch_id, missing)
        outcomes: list[Outcome[Embedded]] = []
        notes: Notes = {"device": "none needed"}
        if missing:
            outcomes, notes = _embed(store, load_embedder(), missing, progress)
        new = {str(o.file.track_id): o.result for o in outcomes if o.result}
        embeddings = known | {track: embedding for track, (embedding, _) in new.items()}
        embeddings = dict(sorted(embeddings.items()))
        failures = [outcome.failure for outcome in outcomes if outcome.failure]
        _remove_damaged(store, failures)
        _require_valid(embeddings, space)
        tags = {track: [asdict(tag) for tag in e.tags] for track, e in embeddings.items()}
        with sessions.begin() as session:
            lock.fence(session)
            path = save_batch(store, space, batch, embeddings)
            sha256, sidecar = sha256_of(path), sha256_of(store.sidecar(space.key, batch))
            put_batch(store, space.key, batch, sha256, sidecar)
            results.record_embeddings(session, batch_id, space.key, sha256, tags, sidecar, run_id)
            tried = [file.id for file in missing]
            results.record_failures(session, batch_id, STAGE, tried, failures)
            spaces = batches.spaces_of(session, batch_id)
        _remove_embedded(store, embeddings)
    return StageReport(
        stage=STAGE,
        version=sha256,
        batch=batch,
        uri=path.as_uri(),
        done=len(embeddings),
        reused=len(embeddings) - len(new),
        failures=failures,
        audio_seconds=sum(seconds for _, seconds in new.values()),
        usage=monitor.usage(),
        notes={
            "space": space.key,
            "spaces_of_this_batch": ", ".join(spaces),
            "dimension": space.dimension,
            **notes,
        },
    )


def _embed(
    store: ArtifactStore, embedder: Embedder, files: list[BatchFile], progress: Progress
) -> tuple[list[Outcome[Embedded]], Notes]:
    flacs = {file: store.audio(str(file.track_id)) for file in files}
    with embed_files(embedder, flacs) as items:
        tracked = progress.track(items, STAGE, len(files), lambda item: item.audio_seconds)
        model_seconds, outcomes = 0.0, []
        for item in tracked:
            model_seconds += item.model_seconds
            outcomes.append(_outcome(item))
    return outcomes, {"device": embedder.device, "model_seconds": round(model_seconds, 2)}


def _fetch_audio(
    store: ArtifactStore, recorded: Mapping[str, tuple[int, str]], files: Sequence[BatchFile]
) -> None:
    """Fetch the canonical audio of these files that another builder has put into the bucket."""
    for file in files if store.keep_audio == "bucket" else ():
        track = str(file.track_id)
        path, (_, sha256) = store.audio(track), recorded.get(track, (0, ""))
        if sha256 and not path.exists():
            with suppress(ArtifactError):  # then it counts as not there
                fetch_file(store, path, sha256)


def _remove_embedded(store: ArtifactStore, tracks: Iterable[str]) -> None:
    """Remove the canonical audio of tracks that have a vector, unless it stays on the disk."""
    for track in tracks if store.keep_audio != "disk" else ():
        store.audio(track).unlink(missing_ok=True)


def _remove_damaged(store: ArtifactStore, failures: Sequence[StageFailure]) -> None:
    """Delete canonical audio that cannot be read; the next attempt writes it again."""
    for failure in failures:
        if failure.code == "damaged":
            store.audio(str(failure.file.track_id)).unlink(missing_ok=True)


def _require_valid(embeddings: Mapping[str, Embedding], space: EmbeddingSpace) -> None:
    """Raise ArtifactError for invalid vectors, before they are recorded."""
    matrix = np.stack([e.vector for e in embeddings.values()]) if embeddings else None
    if matrix is None:
        return
    wrong = [c for c in check_matrix(matrix, space.dimension, len(embeddings)) if not c.passed]
    if wrong:
        raise ArtifactError(f"{space.key} gave invalid vectors: {wrong[0].name}, {wrong[0].detail}")


def _outcome(item: EmbeddedItem[BatchFile]) -> Outcome[Embedded]:
    """Convert an item to an outcome; the file's own error becomes a failure, others are raised."""

    def result(_: BatchFile) -> Embedded:
        if isinstance(item.result, Exception):
            raise item.result
        return item.result, item.audio_seconds

    return attempt(result, item.item)
