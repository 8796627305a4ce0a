"""The evaluation from recordings to a report, every model on the same tracks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.embedders.base import Embedder, FloatArray
from soundalike.errors import LibraryError
from soundalike.evaluation import report
from soundalike.evaluation.alterations import COPIES, EXCERPTS, Alteration
from soundalike.evaluation.comparison import Pair, paired, require_same_tracks
from soundalike.evaluation.labels import LabelFacts, collected
from soundalike.evaluation.recordings import Recording, altered_copies, vectors
from soundalike.evaluation.report import Report
from soundalike.evaluation.retrieval import SEVERAL, Floats, Labels, bootstrap
from soundalike.evaluation.study import groups, random_vectors, recall, retrieval, space
from soundalike.sampling import evenly
from soundalike.storage.layout import ArtifactStore

MIN_TRACKS = 12
MFCC, RANDOM = "mfcc (baseline)", "random (baseline)"  # no model's name has a space


@dataclass(frozen=True)
class Collection:
    """Tracks that every model can embed: recordings, labels, and each model's float32 [n, dim]."""

    recordings: Sequence[Recording]
    labels: Labels
    matrices: Mapping[str, FloatArray]


def embed_recordings(
    recordings: Sequence[Recording],
    facts: Sequence[LabelFacts],
    models: Mapping[str, Embedder],
    store: ArtifactStore,
    pair: Pair | None = None,
) -> Collection:
    """Embed recordings with every model; vectors are cached in the store.

    `facts`: one per recording. Tracks that a model cannot embed are left out of all. Raises
    LibraryError if fewer than 12 tracks remain, or if one of the two models of `pair` cannot embed
    what the other can.
    """
    flacs = {recording.track_id: recording.flac for recording in recordings}
    by_model = {name: vectors(model, flacs, store.embeddings) for name, model in models.items()}
    if pair:
        paths = {recording.track_id: str(recording.path) for recording in recordings}
        require_same_tracks(paths, pair, by_model)
    embedded = [
        (recording, fact)
        for recording, fact in zip(recordings, facts, strict=True)
        if all(recording.track_id in by_track for by_track in by_model.values())
    ]
    if len(embedded) < MIN_TRACKS:
        raise LibraryError(f"{len(embedded)} usable tracks; an evaluation needs {MIN_TRACKS}")
    kept = [recording for recording, _ in embedded]
    return Collection(
        kept,
        collected(fact for _, fact in embedded),
        {
            name: np.stack([by_track[r.track_id] for r in kept])
            for name, by_track in by_model.items()
        },
    )


def evaluate(
    collection: Collection,
    models: Mapping[str, Embedder],
    max_copies: int,
    pair: Pair | None = None,
) -> Report:
    """Measure each model, and random vectors, on the collection; compare the two of `pair`.

    Altered copies are made of at most `max_copies` of its tracks, evenly chosen.
    """
    labels, count = collection.labels, len(collection.recordings)
    dimension = max(matrix.shape[1] for matrix in collection.matrices.values())
    matrices: dict[str, NDArray[np.floating]] = {
        **collection.matrices,
        RANDOM: random_vectors(count, dimension),
    }
    similar = {name: matrix @ matrix.T for name, matrix in matrices.items()}
    sample = evenly(range(count), max_copies)
    alterations = {**COPIES, **EXCERPTS} if sample else {}
    every = {name: retrieval(s, labels, filtered=False) for name, s in similar.items()}
    filtered = {name: retrieval(s, labels, filtered=True) for name, s in similar.items()}
    hits = {name: _hits_of_copies(collection, models, sample, a) for name, a in alterations.items()}
    drawn = groups(labels)
    measured = {
        model: {
            report.EVERY: every[model].values,
            report.FILTERED: filtered[model].values,
            report.COPIES: {name: found[model] for name, found in hits.items()},
        }
        for model in models
    }
    return Report(
        facts=[
            f"{count} tracks, {_count_labels(labels)} labels, {len(set(drawn))} artists",
            *(f"{name}: `{model.space.key}`" for name, model in models.items()),
            f"altered copies of {len(sample)} tracks",
        ],
        every=every,
        filtered=filtered,
        spaces={name: space(matrix) for name, matrix in matrices.items()},
        copies={
            name: {model: bootstrap(values, drawn) for model, values in found.items()}
            for name, found in hits.items()
        },
        copied=len(sample),
        differences=paired(pair, measured, drawn) if pair else (),
    )


def _count_labels(labels: Labels) -> int:
    return len({one for label in labels.label.tolist() for one in label.split(SEVERAL)} - {""})


def _hits_of_copies(
    collection: Collection,
    models: Mapping[str, Embedder],
    sample: Sequence[int],
    alteration: Alteration,
) -> dict[str, Floats]:
    """Look for altered copies of the tracks in the rows `sample`: for each model float64 [n].

    1 where a copy's nearest track is its original, 0 where it is not, NaN where there is no copy.
    """
    rows = {collection.recordings[row].track_id: row for row in sample}
    hits = {name: np.full(len(collection.recordings), np.nan) for name in models}
    flacs = {track: collection.recordings[row].flac for track, row in rows.items()}
    with altered_copies(flacs, alteration) as copies:
        for name, model in models.items():
            embedded = vectors(model, copies)
            own = np.array([rows[track] for track in embedded], np.intp)
            found = np.stack(list(embedded.values()))
            hits[name][own] = recall(found, collection.matrices[name], own)
    return hits
