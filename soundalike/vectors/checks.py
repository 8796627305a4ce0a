"""What must hold of embeddings and of an index before anything is built on them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.artifact import Check
from soundalike.vectors.recall import check_recall

if TYPE_CHECKING:  # checking a matrix must not load faiss
    from soundalike.vectors.search import OpenIndex

UNIT_TOLERANCE = 1e-4


def check_matrix(matrix: NDArray[np.float32], dimension: int, expected_rows: int) -> list[Check]:
    """Of float32 [n, dim]: a row for each track, the space's dimension, finite, unit norm."""
    finite = int(np.isfinite(matrix).all(axis=1).sum())
    norms = np.linalg.norm(matrix.astype(np.float64), axis=1)
    worst = float(np.abs(norms - 1).max(initial=0))
    rows = len(matrix)
    return [
        Check(
            name="row_count",
            passed=rows == expected_rows,
            detail=f"{rows} rows for {expected_rows} tracks",
        ),
        Check(
            name="dimension",
            passed=matrix.shape[1] == dimension,
            detail=f"{matrix.shape[1]} dimensions, the space has {dimension}",
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
) -> list[Check]:
    """Of a candidate: every track in it, one space, each track of `sample` finds itself first, and
    it finds as much of what is nearest as its kind must.

    `spaces` are those of its batches, fingerprint to key. `sample` holds vectors as the batches'
    files have them, None where no batch has the track, so that rows that were mixed up show too.
    """
    manifest = index.manifest
    lost = [track for track, vector in sample.items() if not _finds(index, track, vector)]
    return [
        Check(
            name="one_space",
            passed=spaces.keys() == {manifest.space_fingerprint},
            detail=f"batches of {', '.join(sorted(spaces.values())) or 'no space'}, "
            f"index of {manifest.space}",
        ),
        Check(
            name="finds_itself",
            passed=not lost,
            detail=f"{len(sample) - len(lost)} of {len(sample)} sampled tracks find themselves",
        ),
        *check_matrix(index.vectors(), manifest.dimension, manifest.tracks),
        check_recall(index),
    ]


def _finds(index: "OpenIndex", track_id: str, vector: NDArray[np.float32] | None) -> bool:
    """First, or level with the first: two recordings may differ in one inaudible bit."""
    if vector is None:
        return False
    best = index.search(vector, 1)[0]
    level = float(vector @ index.vector(track_id)) >= best.score - UNIT_TOLERANCE
    return best.track_id == track_id or level
