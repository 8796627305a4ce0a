"""A batch's embeddings on disk: float32 [n, dim] as .npy, and a sidecar with a row for each."""

import hashlib
import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from soundalike.embedders.base import Embedding, EmbeddingSpace, PredictedTag
from soundalike.errors import ArtifactError, SpaceMismatch
from soundalike.storage.atomic import atomic_file, sha256_of
from soundalike.storage.bucket_files import fetch_file, put_file
from soundalike.storage.layout import ArtifactStore

MATRIX = 2  # dimensions of an array with a row per track
SPACE, FINGERPRINT = b"soundalike.space", b"soundalike.space.fingerprint"
TAGS = pa.list_(pa.struct([("word", pa.string()), ("weight", pa.float64())]))


def save_batch(
    store: ArtifactStore, space: EmbeddingSpace, batch: str, embeddings: Mapping[str, Embedding]
) -> Path:
    """Write the batch's sidecar, then its .npy, in the mapping's order; return the .npy's path.

    The same embeddings give the same bytes. The sidecar names the space.
    """
    table = pa.table(
        {
            "track_id": pa.array(list(embeddings), pa.string()),
            "tags": pa.array([_rows(e.tags) for e in embeddings.values()], TAGS),
        }
    ).replace_schema_metadata({SPACE: space.key, FINGERPRINT: space.fingerprint})
    with atomic_file(store.sidecar(space.key, batch)) as temporary:
        pq.write_table(table, temporary)
    matrix = np.empty((len(embeddings), space.dimension), np.float32)
    for row, embedding in enumerate(embeddings.values()):
        matrix[row] = embedding.vector
    path = store.vectors(space.key, batch)
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, matrix, allow_pickle=False)
    return path


def _rows(tags: tuple[PredictedTag, ...]) -> list[dict[str, str | float]]:
    return [{"word": tag.word, "weight": tag.weight} for tag in tags]


def fetch_batch(
    store: ArtifactStore, space: str, batch: str, sha256: str | None, sidecar_sha256: str | None
) -> None:
    """Fetch the batch's files that are in the store's bucket alone. Raises ArtifactError."""
    fetch_file(store, store.sidecar(space, batch), sidecar_sha256)
    fetch_file(store, store.vectors(space, batch), sha256)


def put_batch(
    store: ArtifactStore, space: str, batch: str, sha256: str, sidecar_sha256: str
) -> None:
    """Put the batch's files into the store's bucket, if it has one. Raises BucketError."""
    put_file(store, store.sidecar(space, batch), sidecar_sha256)
    put_file(store, store.vectors(space, batch), sha256)


def load_vectors(store: ArtifactStore, space: str, batch: str) -> NDArray[np.float32]:
    """The batch's float32 [n, dim], memory-mapped.

    Raises ArtifactError if the file is missing, damaged, or an array of another dtype or rank.
    """
    path = store.vectors(space, batch)
    try:
        matrix: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} is missing; materialise embeddings[{batch}]") from error
    except (ValueError, OSError, EOFError) as error:
        raise ArtifactError(f"{path} is damaged: {error}") from error
    if matrix.ndim != MATRIX or matrix.dtype != np.float32:
        raise ArtifactError(f"{path} holds {matrix.dtype} {matrix.shape}, not float32 [n, dim]")
    return matrix


def load_recorded(store: ArtifactStore, space: str, batch: str, sha256: str) -> NDArray[np.float32]:
    """The batch's float32 [n, dim], in memory, read from the same bytes that were verified.

    Fetched first, if it is in the store's bucket alone. Raises ArtifactError if the file is
    missing, or its SHA-256 is not `sha256`.
    """
    path = store.vectors(space, batch)
    fetch_file(store, path, sha256)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ArtifactError(f"embeddings[{batch}] is missing: {path}; materialise it") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArtifactError(f"embeddings[{batch}] changed on disk: {path}; materialise it again")
    matrix: NDArray[np.float32] = np.load(io.BytesIO(content), allow_pickle=False)
    return matrix


@dataclass(frozen=True, eq=False)
class Sidecar:
    """The file beside a .npy: the space, and for each row the track and its tags."""

    space: str
    fingerprint: str
    track_ids: list[str]
    path: Path

    @property
    def tags(self) -> list[tuple[PredictedTag, ...]]:
        """Each row's tags.

        Read on access: 100 000 tracks have millions of tags, and few callers need them.
        """
        rows = pq.read_table(self.path, columns=["tags"]).column(0).to_pylist()
        return [tuple(PredictedTag(**tag) for tag in tags) for tags in rows]


def read_sidecar(store: ArtifactStore, space: str, batch: str) -> Sidecar:
    """Read a batch's sidecar, but not its tags. Raises ArtifactError if missing or damaged."""
    path = store.sidecar(space, batch)
    try:
        table = pq.read_table(path, columns=["track_id"])
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} is missing; materialise embeddings[{batch}]") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise ArtifactError(f"{path} is damaged: {error}") from error
    metadata = table.schema.metadata or {}
    return Sidecar(
        space=metadata.get(SPACE, b"unknown").decode(),
        fingerprint=metadata.get(FINGERPRINT, b"none").decode(),
        track_ids=table.column("track_id").to_pylist(),
        path=path,
    )


def load_batch(
    store: ArtifactStore,
    space: EmbeddingSpace,
    batch: str,
    sha256: str | None,
    sidecar_sha256: str | None = None,
) -> dict[str, Embedding]:
    """Load what `save_batch` wrote, by track, if the files have the recorded SHA-256.

    That of the sidecar may be unknown. Empty if they have not, or if a file is missing, damaged or
    only half replaced: the batch is then embedded again. What is in the store's bucket alone is
    fetched. Raises SpaceMismatch if intact files are of another space or dimension.
    """
    path = store.vectors(space.key, batch)
    with suppress(ArtifactError):
        fetch_batch(store, space.key, batch, sha256, sidecar_sha256)
    if not path.exists() or sha256_of(path) != sha256:
        return {}
    try:
        sidecar = read_sidecar(store, space.key, batch)
        matrix = load_vectors(store, space.key, batch)
    except ArtifactError:
        return {}
    if sidecar_sha256 not in (None, sha256_of(sidecar.path)):
        return {}
    if len(sidecar.track_ids) != len(matrix):
        return {}
    dimension = matrix.shape[1]
    if (sidecar.fingerprint, dimension) != (space.fingerprint, space.dimension):
        raise SpaceMismatch(
            f"embeddings[{batch}] are of space {sidecar.space} with {dimension} dimensions, "
            f"not of {space.key} with {space.dimension}"
        )
    rows = zip(sidecar.track_ids, matrix, sidecar.tags, strict=True)
    return {track: Embedding(np.array(vector), tags) for track, vector, tags in rows}
