"""Checks of batches' vectors on disk against the catalog, their sidecars and the space."""

from collections.abc import Sequence

from soundalike.catalog import batches
from soundalike.catalog.engine import Sessions
from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import ArtifactError
from soundalike.ingest.bucket_batches import fetch_embeddings
from soundalike.storage.atomic import sha256_of
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.artifact_files import Check
from soundalike.vectors.checks import check_matrix
from soundalike.vectors.embedding_files import load_vectors, read_sidecar


def check_batches(
    sessions: Sessions, store: ArtifactStore, space: EmbeddingSpace, keys: Sequence[str] | None
) -> dict[str, list[Check]]:
    """Check each of the batches, or if `keys` is None, each that is embedded in `space`.

    Raises ArtifactError if there is none to check.
    """
    if keys is None:
        with sessions() as session:
            keys = batches.embedded_batches(session, space.key)
    if not keys:
        raise ArtifactError(f"no batch is embedded in {space.key} yet; materialise embeddings")
    return {key: check_batch(sessions, store, space, key) for key in keys}


def check_batch(
    sessions: Sessions, store: ArtifactStore, space: EmbeddingSpace, batch: str
) -> list[Check]:
    """Check a batch's .npy on disk against its tracks, its sidecar and its space.

    Raises LibraryError if there is no such batch.
    """
    with sessions() as session:
        batch_id = batches.require_batch(session, batch)
        expected = set(batches.expected_tracks(session, batch_id))
        recorded = batches.recorded_hash(session, batch_id, space.key)
    if recorded is None:
        detail = f"it is not embedded in {space.key} yet; materialise embeddings of it first"
        return [Check(name="embedded", passed=False, detail=detail)]
    try:
        fetch_embeddings(sessions, store, space.key, [batch])
        sidecar = read_sidecar(store, space.key, batch)
        matrix = load_vectors(store, space.key, batch)
    except ArtifactError as error:
        return [Check(name="readable", passed=False, detail=str(error))]
    missing = expected - set(sidecar.track_ids)
    return [
        Check(
            name="complete",
            passed=not missing,
            detail=f"{len(missing)} of the batch's {len(expected)} tracks have neither row nor "
            "failure",
        ),
        Check(
            name="one_space",
            passed=sidecar.fingerprint == space.fingerprint,
            detail=f"of space {sidecar.space}, configured is {space.key}",
        ),
        _as_recorded(store, space, batch, recorded),
        *check_matrix(matrix, space.dimension, len(sidecar.track_ids)),
    ]


def _as_recorded(store: ArtifactStore, space: EmbeddingSpace, batch: str, recorded: str) -> Check:
    same = sha256_of(store.vectors(space.key, batch)) == recorded
    detail = "it has" if same else "it has not; materialise embeddings of it again, which heals it"
    return Check(
        name="as_recorded", passed=same, detail=f"the SHA-256 that the catalog recorded: {detail}"
    )
