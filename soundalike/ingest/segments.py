"""Segments of a version: those that are there, and new ones for the rows that none of them holds.

A version takes what its predecessors left: a new album costs one small segment. Vectors are read
from the batches' recorded .npy files; nothing is embedded again.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from soundalike.catalog import index_contents
from soundalike.catalog.engine import Sessions
from soundalike.catalog.index_contents import IndexContents, LocatedTrack
from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import ArtifactError
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.cover import Wanted, cover
from soundalike.vectors.embedding_files import load_recorded
from soundalike.vectors.kinds import IndexKind
from soundalike.vectors.recall import recalls_too_little
from soundalike.vectors.segment_files import ORIGIN, SegmentManifest, SourceBatch, segments_in
from soundalike.vectors.tiers import MAX_ROWS

if TYPE_CHECKING:
    from soundalike.vectors.index.segment_writer import Draft

# The quantizer of all codes is trained on the library's first batches: on as many as have the
# largest of these numbers of tracks, and of a smaller library on all. So the codes of a library do
# not depend on how it grew. When it reaches another number, whose music may be other music, all
# segments are written anew; and so not for a very large one.
TRAINED_ON = (2_000, 10_000, 50_000, 100_000, 200_000)
Missing = Mapping[str, frozenset[int] | None]  # rows by batch, None for all of it
BATCHES_AT_ONCE = 200  # whose tracks are held as Python objects


@dataclass(frozen=True)
class Layout:
    """The segments of a version, and the names of those that were written for it."""

    segments: list[SegmentManifest]
    new: frozenset[str]


def coding_of(kind: IndexKind, contents: IndexContents) -> str:
    """Name what the codes of a version's segments are computed with; empty for no codes."""
    if not kind.has_codes:
        return ""
    parts = [(key, contents.batches[key]) for key in _trained_on(contents)]
    return f"{kind.text}:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]}"


def known_to_recall_too_little(store: ArtifactStore, space: EmbeddingSpace, coding: str) -> bool:
    """Return whether a segment with these codes is there that failed its check of recall.

    Writing it again, with each new album, would give the same.
    """
    return any(
        segment.coding == coding and recalls_too_little(segment.failed_checks)
        for segment in segments_in(store.segments, space.fingerprint)
    )


def lay_out(
    sessions: Sessions,
    store: ArtifactStore,
    space: EmbeddingSpace,
    contents: IndexContents,
    kind: IndexKind,
    coding: str,
    run_id: str | None,
) -> Layout:
    """Choose the segments of a version, and write others for the rows that are in none.

    Raises ArtifactError if the embeddings of a batch are missing or damaged.
    """
    available = segments_in(store.segments, space.fingerprint)
    chosen = cover(available, Wanted(contents.batches, contents.removed, coding))
    for segment in chosen.segments:  # gc leaves alone what was used within a day
        with suppress(PermissionError):  # another user wrote it
            os.utime(store.segments / segment.name)
    if not chosen.missing:
        return Layout(chosen.segments, frozenset())
    from soundalike.vectors.index.segment_writer import Coding, write_segment

    quantizer = _quantizer(store, contents, available, coding) if coding else None
    written = []
    for missing in _divided(chosen.missing, contents):
        draft = _draft(sessions, store, space, contents, missing)
        coded = Coding(coding, kind, quantizer)
        written.append(write_segment(store.segments, space, coded, draft, run_id))
    return Layout([*chosen.segments, *written], frozenset(each.name for each in written))


def _divided(missing: Missing, contents: IndexContents) -> Iterator[Missing]:
    """Yield the missing rows, whole batches together, as many at a time as a segment may have."""
    together: dict[str, frozenset[int] | None] = {}
    count = 0
    for key, rows in missing.items():
        of_batch = contents.rows[key] if rows is None else len(rows)
        if together and count + of_batch > MAX_ROWS:
            yield together
            together, count = {}, 0
        together[key] = rows
        count += of_batch
    yield together


def _draft(
    sessions: Sessions,
    store: ArtifactStore,
    space: EmbeddingSpace,
    contents: IndexContents,
    missing: Missing,
) -> "Draft":
    """Gather the missing rows from the recorded .npy of each batch."""
    from soundalike.vectors.index.segment_writer import Draft

    batches: dict[str, SourceBatch] = {}
    ids, origins, rows_of = [], [], {}
    keys = [*missing]
    for start in range(0, len(keys), BATCHES_AT_ONCE):
        some = {key: missing[key] for key in keys[start : start + BATCHES_AT_ONCE]}
        for key, tracks in _located(sessions, contents, some).items():
            rows_of[key] = rows = np.array([track.row for track in tracks], np.int64)
            left_out = set(range(contents.rows[key])).difference(rows.tolist())
            origin = np.empty(len(tracks), ORIGIN)
            origin["batch"], origin["row"] = len(batches), rows
            ids.append(np.array([track.track_id.encode() for track in tracks], np.bytes_))
            origins.append(origin)
            batches[key] = SourceBatch(
                sha256=contents.batches[key],
                rows=contents.rows[key],
                left_out=tuple(sorted(left_out)),
            )
    blocks = (
        load_recorded(store, space.key, key, contents.batches[key])[rows]
        for key, rows in rows_of.items()
    )
    return Draft(batches, np.concatenate(ids), np.concatenate(origins), blocks)


def _located(
    sessions: Sessions, contents: IndexContents, missing: Missing
) -> dict[str, list[LocatedTrack]]:
    """The tracks of the missing rows, by batch."""
    with sessions() as session:
        embedded = index_contents.embedded_tracks(session, contents.space, missing.keys())
    located: dict[str, list[LocatedTrack]] = {key: [] for key in missing}
    for track in embedded:
        rows, removed = missing[track.batch], contents.removed.get(track.batch, ())
        if track.sha256 != contents.batches[track.batch]:
            raise ArtifactError(f"embeddings[{track.batch}] were made anew meanwhile; build again")
        if track.row in rows if rows is not None else track.row not in removed:
            located[track.batch].append(track)
    return located


def _trained_on(contents: IndexContents) -> list[str]:
    """Choose the batches that the quantizer is trained on, by key."""
    there = sum(contents.rows.values())
    wanted = max((size for size in TRAINED_ON if size <= there), default=there)
    chosen, tracks = [], 0
    for key in sorted(contents.batches):
        if tracks >= wanted:
            break
        chosen.append(key)
        tracks += contents.rows[key]
    return chosen


def _quantizer(
    store: ArtifactStore, contents: IndexContents, available: list[SegmentManifest], coding: str
) -> Any:  # noqa: ANN401
    """The quantizer of the codes: as another segment of this coding has it, else a new one."""
    from soundalike.vectors.index.quantizer import TRAINING_ROWS, quantizer_in, train_quantizer

    for segment in available:
        if segment.coding == coding:
            return quantizer_in(store.segments / segment.name)
    batches = _trained_on(contents)
    step = max(1, sum(contents.rows[key] for key in batches) // TRAINING_ROWS)
    matrices = [
        np.array(load_recorded(store, contents.space, key, contents.batches[key])[::step])
        for key in batches
    ]
    return train_quantizer(np.concatenate(matrices))
