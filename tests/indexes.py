"""Small real index artifacts, made with the project's own functions."""

import datetime as dt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors import artifact, codes, flat
from soundalike.vectors.artifact import IndexManifest
from soundalike.vectors.kinds import KindChoice, kind_for
from tests.fakes import FAKE_SPACE


def unit_vectors(count: int, dimension: int, seed: int = 0) -> NDArray[np.float32]:
    """float32 [count, dimension], random, of unit length."""
    matrix = np.random.default_rng(seed).standard_normal((count, dimension))
    return (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)


def write_index(
    folder: Path,
    matrix: NDArray[np.float32],
    claimed_dimension: int | None = None,
    choice: KindChoice = "flat",
) -> Path:
    """An artifact of tracks t0000, t0001, ... in row order."""
    folder.mkdir(parents=True)
    kind = kind_for(len(matrix), choice)
    flat.write(folder / artifact.INDEX, matrix)
    if kind.has_codes:
        codes.write(folder / artifact.CODES, matrix, kind)
    width = max(4, len(str(len(matrix) - 1)))  # so that ids are in row order
    artifact.write_tracks(folder, [f"t{row:0{width}d}" for row in range(len(matrix))])
    artifact.write_manifest(
        folder,
        IndexManifest(
            version=folder.name,
            space=FAKE_SPACE.key,
            space_fingerprint=FAKE_SPACE.fingerprint,
            model=FAKE_SPACE.model,
            parameters={},
            kind=kind.name,
            kind_parameters=kind.parameters,
            dimension=claimed_dimension or matrix.shape[1],
            tracks=len(matrix),
            batches={},
            files=artifact.hashes_of(folder, kind),
            checks=[],
            dagster_run_id=None,
            created_at=dt.datetime.now(dt.UTC),
        ),
    )
    return folder
