"""Checks of a candidate index on disk against the batches it was built from."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundalike.catalog import indexes
from soundalike.catalog.engine import Sessions
from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import ArtifactError
from soundalike.sampling import evenly
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.checks import check_index
from soundalike.vectors.embedding_files import Sidecar, load_vectors, read_sidecar
from soundalike.vectors.index_files import Check

SAMPLED_TRACKS = 100


def check_candidate(sessions: Sessions, store: ArtifactStore, space: EmbeddingSpace) -> list[Check]:
    """Check the index built last, on disk. Raises ArtifactError if none was built."""
    with sessions() as session:
        version = indexes.latest_built(session, space.key)
    if version is None:
        raise ArtifactError("no index was built yet; materialise faiss_index")
    return check_folder(store.index(version), store)


def check_folder(folder: Path, store: ArtifactStore) -> list[Check]:
    """Check an index against the batches that its manifest names, not against later ones."""
    from soundalike.vectors.index.open_index import OpenIndex

    index = OpenIndex.open(folder)
    space = index.manifest.space
    sidecars = {batch: read_sidecar(store, space, batch) for batch in index.manifest.batches}
    return check_index(
        index,
        spaces={sidecar.fingerprint: sidecar.space for sidecar in sidecars.values()},
        sample=_sample(index.track_ids, store, space, sidecars),
    )


def _sample(
    track_ids: list[str], store: ArtifactStore, space: str, sidecars: Mapping[str, Sidecar]
) -> dict[str, NDArray[np.float32] | None]:
    """Read evenly chosen tracks' vectors, float32 [dim], from their batches; None if in none."""
    rows = {
        track: (batch, row)
        for batch, sidecar in sidecars.items()
        for row, track in enumerate(sidecar.track_ids)
    }
    sample: dict[str, NDArray[np.float32] | None] = {}
    for track in evenly(track_ids, SAMPLED_TRACKS):
        recorded = rows.get(track)
        if recorded is None:
            sample[track] = None
        else:
            batch, row = recorded
            sample[track] = np.array(load_vectors(store, space, batch)[row])
    return sample
