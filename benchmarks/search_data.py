"""Seeded vectors that resemble embeddings: clusters, a common mean, a power-law spectrum.

Also index artifacts over them, made with the project's own functions.
"""

import datetime as dt
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from soundalike.storage.layout import ArtifactStore
from soundalike.vectors import artifact_files, index_files
from soundalike.vectors.index.exact_file import write_exact_rows
from soundalike.vectors.index.quantizer import write_codes
from soundalike.vectors.index_files import IndexManifest
from soundalike.vectors.kinds import IndexKind, KindName, kind_for

DIMENSION = 768
TRACKS_A_CLUSTER = 50
CHUNK = 50_000
QUERIES = 256
Matrix = NDArray[np.float32]


def vectors(count: int, seed: int, clusters: int) -> Matrix:
    """float32 [count, 768] of unit length. Other seeds give other members of the same clusters."""
    scale = np.random.default_rng(1).permutation(np.arange(1, DIMENSION + 1)) ** -0.7
    centres = (np.random.default_rng(2).standard_normal((clusters, DIMENSION)) * scale).astype("f4")
    common = (3 * np.random.default_rng(3).standard_normal(DIMENSION) * scale).astype("f4")
    random = np.random.default_rng(seed)
    matrix = np.empty((count, DIMENSION), np.float32)
    for start in range(0, count, CHUNK):
        part = matrix[start : start + CHUNK]
        part[:] = random.standard_normal(part.shape, np.float32) * (0.6 * scale).astype("f4")
        part += 0.8 * centres[random.integers(0, clusters, len(part))] + common
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return matrix


def collection(count: int) -> tuple[Matrix, Matrix]:
    """That many tracks, and 256 queries that are none of them."""
    clusters = max(10, count // TRACKS_A_CLUSTER)
    return vectors(count, 10, clusters), vectors(QUERIES, 11, clusters)


def track_ids(count: int) -> list[str]:
    """Ids of 32 hex digits in row order, as Postgres can make them too."""
    return [f"{row:032x}" for row in range(count)]


def write_artifact(store: ArtifactStore, matrix: Matrix, name: KindName) -> str:
    """An index of this kind; returns its version. The file of vectors is shared between kinds."""
    kind = kind_for(len(matrix), name)
    version = f"bench-{len(matrix)}-{name.replace('+', '-')}"
    folder = store.index(version)
    if folder.exists():
        return version
    folder.mkdir(parents=True)
    others = [path for path in folder.parent.glob(f"bench-{len(matrix)}-*") if path != folder]
    if others:
        os.link(others[0] / artifact_files.INDEX, folder / artifact_files.INDEX)
    else:
        rows = np.arange(len(matrix))
        write_exact_rows(folder / artifact_files.INDEX, rows, matrix.shape[1], [matrix])
    if kind.has_codes:
        write_codes(folder / artifact_files.CODES, matrix)
    ids = pa.table({"track_id": pa.array(track_ids(len(matrix)), pa.string())})
    pq.write_table(ids, folder / index_files.TRACKS)
    index_files.write_manifest(folder, _manifest(folder, version, matrix, kind))
    return version


def _manifest(folder: Path, version: str, matrix: Matrix, kind: IndexKind) -> IndexManifest:
    return IndexManifest(
        version=version,
        space="bench",
        space_fingerprint="bench",
        model="bench",
        parameters={},
        kind=kind.name,
        kind_parameters=kind.parameters,
        dimension=matrix.shape[1],
        tracks=len(matrix),
        batches={},
        files=artifact_files.hashes(folder, index_files.files_of(kind)),
        sizes=artifact_files.sizes(folder, index_files.files_of(kind)),
        checks=[],
        dagster_run_id=None,
        created_at=dt.datetime.now(dt.UTC),
    )
