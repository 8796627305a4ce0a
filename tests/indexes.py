"""Small real index artifacts, made with the project's own functions."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from soundalike.settings import KindChoice
from soundalike.vectors import artifact_files, index_files
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.index.quantizer import ROTATION_SEED, train_quantizer, write_codes
from soundalike.vectors.index.segment_writer import Coding, Draft, write_segment
from soundalike.vectors.index_files import IndexManifest
from soundalike.vectors.kinds import IndexKind, kind_for
from soundalike.vectors.queries import VectorQuery
from soundalike.vectors.segment_files import ORIGIN, SourceBatch
from tests.damage import writable
from tests.fakes import FAKE_SPACE


def write_exact(path: Path, matrix: NDArray[np.float32]) -> None:
    """An IndexFlatIP over float32 [n, dim], as faiss itself writes it."""
    index = faiss.IndexFlatIP(matrix.shape[1])
    index.add(matrix)
    faiss.write_index(index, str(path))


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
    write_exact(folder / artifact_files.INDEX, matrix)
    if kind.has_codes:
        write_codes(folder / artifact_files.CODES, matrix)
    width = max(4, len(str(len(matrix) - 1)))  # so that ids are in row order
    write_tracks(folder, [f"t{row:0{width}d}" for row in range(len(matrix))])
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
            files=hashes_of(folder, kind),
            sizes=artifact_files.sizes(folder, index_files.files_of(kind)),
            checks=[],
            dagster_run_id=None,
            created_at=dt.datetime.now(dt.UTC),
        ),
    )
    return folder


def write_tracks(folder: Path, track_ids: list[str]) -> None:
    """The track id of each row, as releases wrote them that knew no segments."""
    table = pa.table({"track_id": pa.array(track_ids, pa.string())})
    pq.write_table(table, folder / index_files.TRACKS)


def hashes_of(folder: Path, kind: IndexKind) -> dict[str, str]:
    """The SHA-256 of each file of such a version."""
    return artifact_files.hashes(folder, index_files.files_of(kind))


def write_segments(
    root: Path,
    parts: Sequence[NDArray[np.int64]],
    matrix: NDArray[np.float32],
    removed: Collection[int] = (),
    choice: KindChoice = "flat",
) -> Path:
    """A version of rows of `matrix` less `removed`, in a segment a part; return its folder.

    Each part, some rows, is a batch of its own; ids are those of `write_index`.
    """
    kind = kind_for(len(matrix), choice)
    quantizer = train_quantizer(matrix) if kind.has_codes else None
    coding = Coding(f"{kind.text}:test" if kind.has_codes else "", kind, quantizer)
    space = replace(FAKE_SPACE, dimension=matrix.shape[1])
    width = max(4, len(str(len(matrix) - 1)))
    segments, batches, lost = [], {}, {}
    for number, rows in enumerate(parts):
        key, ids = f"b{number:06d}", np.array([f"t{row:0{width}d}".encode() for row in rows])
        batches[key] = sha256(ids.tobytes()).hexdigest()
        lost[key] = [place for place, row in enumerate(rows.tolist()) if row in removed]
        source = {key: SourceBatch(sha256=batches[key], rows=len(rows))}
        origins = np.array([(0, place) for place in range(len(rows))], ORIGIN)
        draft = Draft(source, ids, origins, [matrix[rows]])
        segments.append(write_segment(root / "segments", space, coding, draft, None).name)
    folder = root / "indexes" / "v"
    folder.mkdir(parents=True)
    manifest = IndexManifest(
        version=folder.name,
        space=space.key,
        space_fingerprint=space.fingerprint,
        model=space.model,
        parameters={},
        kind=kind.name,
        kind_parameters=kind.parameters,
        dimension=matrix.shape[1],
        tracks=sum(map(len, parts)) - sum(map(len, lost.values())),
        batches=batches,
        removed={key: places for key, places in lost.items() if places},
        coding=coding.name,
        segments=segments,
        checks=[],
        dagster_run_id=None,
        created_at=dt.datetime.now(dt.UTC),
    )
    index_files.write_manifest(folder, manifest)
    return folder


def as_older_release(folder: Path) -> str:
    """Write a version anew as releases did that knew no segments; return its manifest's hash."""
    index = OpenIndex.open(folder)
    matrix, kind = index.exact.vectors(), index.manifest.built_as
    with writable(folder):
        write_exact(folder / artifact_files.INDEX, matrix)
        if kind.has_codes:
            rotation = faiss.RandomRotationMatrix(matrix.shape[1], matrix.shape[1])
            rotation.init(ROTATION_SEED)
            inner = faiss.IndexRaBitQFastScan(matrix.shape[1], faiss.METRIC_INNER_PRODUCT)
            codes = faiss.IndexPreTransform(rotation, inner)
            codes.train(matrix)
            codes.add(matrix)
            faiss.write_index(codes, str(folder / artifact_files.CODES))
        write_tracks(folder, list(index.track_ids))
        files = hashes_of(folder, kind)
        sizes = artifact_files.sizes(folder, index_files.files_of(kind))
        older = {"segments": [], "removed": {}, "coding": "", "files": files, "sizes": sizes}
        older |= {"kind": "flat+rabitq"} if kind.has_codes else {}
        index_files.write_manifest(folder, index.manifest.model_copy(update=older))
    return sha256((folder / artifact_files.MANIFEST).read_bytes()).hexdigest()


def neighbours(index: OpenIndex, track_id: str, k: int) -> list[tuple[str, float]]:
    """Id and cosine of the k tracks nearest to one of the index, itself left out."""
    query = VectorQuery(index.vectors_of([track_id]), k, excluded_rows=index.rows_of([track_id]))
    [hits] = index.search([query])
    ids = [index.track_ids[row] for row in hits.rows.tolist()]
    return list(zip(ids, hits.scores.tolist(), strict=True))
