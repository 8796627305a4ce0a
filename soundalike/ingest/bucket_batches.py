"""Vectors of batches that another builder has embedded: fetched from the bucket when needed."""

from collections.abc import Iterable

from soundalike.catalog import artifacts
from soundalike.catalog.engine import Sessions
from soundalike.catalog.library import batch_number
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.embedding_files import fetch_batch


def fetch_embeddings(
    sessions: Sessions, store: ArtifactStore, space: str, batches: Iterable[str]
) -> None:
    """Fetch the vectors and sidecars of these batches that are not in the data root.

    Nothing without a bucket. Raises ArtifactError if one is lost, and BucketError.
    """
    if store.bucket is None:
        return
    with sessions() as session:
        recorded = artifacts.embeddings(session, [*map(batch_number, batches)])
    for _, batch, of_space, sha256, sidecar in recorded:
        if of_space == space:
            fetch_batch(store, space, batch, sha256, sidecar)
