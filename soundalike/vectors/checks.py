"""Checks that embeddings and an index must pass before anything is built on them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.artifact_files import Check
from soundalike.vectors.ground_truth import GroundTruth
from soundalike.vectors.queries import VectorQuery
from soundalike.vectors.recall import RECALL, check_recall

if TYPE_CHECKING:  # checking a matrix must not load faiss
    from soundalike.vectors.index.open_index import OpenIndex
    from soundalike.vectors.index.segment import Segment

UNIT_TOLERANCE = 1e-4
# Measuring it would read all vectors for each album; the build of a library's first index does.
EXACT = Check(name=RECALL, passed=True, detail="hits are proven, or all vectors are read")
ROWS_AT_ONCE = 8_192


def check_matrix(matrix: NDArray[np.float32], dimension: int, expected_rows: int) -> list[Check]:
    """Check a batch's float32 [n, dim]: row count, the space's dimension, finite, unit norm.

    `expected_rows` is the number of its tracks.
    """
    return _check_norms(_norms(matrix), matrix.shape[1], dimension, expected_rows)


def _norms(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """The L2 norm of each row, float32 [n].

    A float32 norm is accurate to 1e-6, and it is not finite if a number of its row is not.
    """
    norms: NDArray[np.float32] = np.sqrt(np.einsum("ij,ij->i", matrix, matrix))
    return norms


def _check_norms(
    norms: NDArray[np.float32], actual_dimension: int, dimension: int, expected_rows: int
) -> list[Check]:
    rows, finite = len(norms), int(np.isfinite(norms).sum())
    worst = float(np.abs(norms - 1).max(initial=0))
    return [
        Check(
            name="row_count",
            passed=rows == expected_rows,
            detail=f"{rows} rows for {expected_rows} tracks",
        ),
        Check(
            name="dimension",
            passed=actual_dimension == dimension,
            detail=f"{actual_dimension} dimensions, the space has {dimension}",
        ),
        Check(name="finite", passed=finite == rows, detail=f"{finite} of {rows} rows are finite"),
        Check(
            name="unit_norm",
            passed=worst <= UNIT_TOLERANCE,
            detail=f"norms are within {worst:.1e} of 1",
        ),
    ]


def check_index(
    index: "OpenIndex",
    spaces: Mapping[str, str],
    sample: Mapping[str, NDArray[np.float32] | None],
    measured: "Sequence[Segment] | None" = None,
    truth: GroundTruth | None = None,
) -> list[Check]:
    """Check a candidate index before it is published.

    Its batches are of one space, each track of `sample` finds itself first, there is a finite unit
    vector of the space's dimension for each track, and recall@10 reaches the floor of its kind. The
    hits of a flat index are proven, or all vectors are read.

    `spaces` are those of its batches, fingerprint to key. `sample` holds vectors, float32 [dim], as
    the batches' files have them, None where no batch has the track, so that mixed-up rows are
    detected too. `measured` are the segments to check by themselves, None for all: others were
    checked before. `truth` is what is to be found in the whole; if it is None, it is measured.
    """
    manifest = index.manifest
    lost = _lost(index, sample)
    return [
        Check(
            name="one_space",
            passed=spaces.keys() <= {manifest.space_fingerprint} and bool(spaces or measured == []),
            detail=f"batches of {', '.join(sorted(spaces.values())) or 'no new space'}, "
            f"index of {manifest.space}",
        ),
        Check(
            name="finds_itself",
            passed=not lost,
            detail=f"{len(sample) - len(lost)} of {len(sample)} sampled tracks find themselves",
        ),
        *_check_parts(index, measured, truth),
    ]


def check_segment(index: "OpenIndex") -> list[Check]:
    """Check a segment that is opened by itself: finite unit vectors, and recall@10 by its codes."""
    norms = _check_norms(
        _norms_of(index), index.exact.dimension, index.manifest.dimension, index.manifest.tracks
    )
    return [*norms, check_recall(index)] if index.manifest.built_as.has_codes else norms


def _check_parts(
    index: "OpenIndex", measured: "Sequence[Segment] | None", truth: GroundTruth | None
) -> list[Check]:
    """Norms and recall of the measured segments, each by itself, and recall of the whole."""
    kind, is_one = index.manifest.built_as, len(index.segments) == 1
    chosen = index.segments if measured is None else measured
    parts = [index if is_one else type(index).of_segment(segment, kind) for segment in chosen]
    norms = [_norms_of(part) for part in parts]
    rows = sum(part.manifest.tracks for part in parts)
    if kind.has_codes:
        recalls = [*(check_recall(part) for part in parts), check_recall(index, truth)]
    else:
        recalls = [check_recall(index) if is_one and parts else EXACT]
    dimension = index.exact.dimension
    every = np.concatenate([np.empty(0, np.float32), *norms])
    worst = min(recalls, key=lambda check: check.passed)
    return [*_check_norms(every, dimension, index.manifest.dimension, rows), worst]


def _norms_of(index: "OpenIndex") -> NDArray[np.float32]:
    """The L2 norm of each row, float32 [n].

    Computed block by block, as a copy of all vectors may be gigabytes.
    """
    starts = range(0, len(index), ROWS_AT_ONCE)
    blocks = (np.arange(start, min(start + ROWS_AT_ONCE, len(index))) for start in starts)
    return np.concatenate([_norms(index.exact.vectors(rows)) for rows in blocks])


def _lost(index: "OpenIndex", sample: Mapping[str, NDArray[np.float32] | None]) -> list[str]:
    """Tracks of `sample` that are not their own first hit or tied with it, or are in no batch.

    A tie is enough: two recordings may differ in one inaudible bit.
    """
    known = {track: vector for track, vector in sample.items() if vector is not None}
    lost = [track for track in sample if track not in known]
    all_hits = index.search([VectorQuery(vector[None], 1) for vector in known.values()])
    for (track, vector), hits in zip(known.items(), all_hits, strict=True):
        if float(vector @ index.vector(track)) < float(hits.scores[0]) - UNIT_TOLERANCE:
            lost.append(track)
    return lost
