"""Merging of segments: their rows, less those that a version has not, as the draft of another."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from soundalike.vectors.cover import Wanted
from soundalike.vectors.index.segment import open_segment
from soundalike.vectors.index.segment_writer import Draft
from soundalike.vectors.kinds import IndexKind
from soundalike.vectors.segment_files import SegmentManifest, SourceBatch

ROWS_AT_ONCE = 16_384


def merged_draft(segments: Path, wanted: Wanted, sources: Sequence[SegmentManifest]) -> Draft:
    """Open these segments for the rows that the version has.

    Vectors are read when the draft is written, some at a time. Raises ArtifactError if a segment is
    damaged.
    """
    batches = _batches(wanted, sources)
    numbers = {key: number for number, key in enumerate(batches)}
    opened, id_parts, origin_parts = [], [], []
    for source in sources:
        segment = open_segment(segments / source.name, source, IndexKind("flat"))
        alive = segment.alive(wanted)
        rows = np.arange(len(segment.ids)) if alive is None else alive
        origins = np.array(segment.origins)[rows]
        numbered = np.array([numbers.get(key, 0) for key in source.batches], np.uint32)
        origins["batch"] = numbered[origins["batch"]]
        opened.append((segment.vectors, rows))
        id_parts.append(segment.ids[rows])
        origin_parts.append(origins)
    blocks = (
        vectors.vectors(rows[start : start + ROWS_AT_ONCE])
        for vectors, rows in opened
        for start in range(0, len(rows), ROWS_AT_ONCE)
    )
    return Draft(batches, np.concatenate(id_parts), np.concatenate(origin_parts), blocks)


def _batches(wanted: Wanted, sources: Sequence[SegmentManifest]) -> dict[str, SourceBatch]:
    """The batches of what is merged, less the rows that no source or the version has not."""
    batches: dict[str, SourceBatch] = {}
    for source in sources:
        for key, batch in source.batches.items():
            without = wanted.without(key, batch)
            if without is None:
                continue
            left_out = without.intersection(batches[key].left_out) if key in batches else without
            batches[key] = batch.model_copy(update={"left_out": tuple(sorted(left_out))})
    held = {key: batch for key, batch in batches.items() if len(batch.left_out) < batch.rows}
    return dict(sorted(held.items()))
