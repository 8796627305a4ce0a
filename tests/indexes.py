"""Small real index artifacts, made with the project's own functions."""

import datetime as dt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundalike.settings import KindChoice
from soundalike.vectors import index_files
from soundalike.vectors.index.codes import write_codes
from soundalike.vectors.index.exact import write_exact
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.index_files import IndexManifest
from soundalike.vectors.kinds import kind_for
from soundalike.vectors.queries import VectorQuery
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
    write_exact(folder / index_files.INDEX, matrix)
    if kind.has_codes:
        write_codes(folder / index_files.CODES, matrix, kind)
    width = max(4, len(str(len(matrix) - 1)))  # so that ids are in row order
    index_files.write_tracks(folder, [f"t{row:0{width}d}" for row in range(len(matrix))])
    index_files.write_manifest(
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
            files=index_files.hashes_of(folder, kind),
            sizes=index_files.sizes_of(folder, kind),
            checks=[],
            dagster_run_id=None,
            created_at=dt.datetime.now(dt.UTC),
        ),
    )
    return folder


def neighbours(index: OpenIndex, track_id: str, k: int) -> list[tuple[str, float]]:
    """Id and cosine of the k tracks nearest to one of the index, itself left out."""
    query = VectorQuery(index.vectors_of([track_id]), k, excluded_rows=index.rows_of([track_id]))
    [hits] = index.search([query])
    ids = [index.track_ids[row] for row in hits.rows.tolist()]
    return list(zip(ids, hits.scores.tolist(), strict=True))
