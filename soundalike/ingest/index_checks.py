"""Checks of a candidate index on disk against the batches it was built from."""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import structlog
from numpy.typing import NDArray

from soundalike.catalog import index_versions, publications
from soundalike.catalog.engine import Sessions
from soundalike.catalog.publications import PublishedIndex
from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import ArtifactError
from soundalike.ingest.bucket_batches import fetch_embeddings
from soundalike.sampling import evenly
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors import ground_truth, index_files
from soundalike.vectors.artifact_files import Check
from soundalike.vectors.checks import check_index
from soundalike.vectors.embedding_files import Sidecar, load_vectors, read_sidecar
from soundalike.vectors.ground_truth import GroundTruth
from soundalike.vectors.index_copies import fetch_version
from soundalike.vectors.index_files import IndexManifest
from soundalike.vectors.recall import WHOLE_QUERIES

if TYPE_CHECKING:
    from soundalike.vectors.index.open_index import OpenIndex
    from soundalike.vectors.index.segment import Segment

SAMPLED_TRACKS = 100
CODES_MEMORY = 150 * 10**6  # bytes: the codes of a full segment of 512 dimensions, and more

log = structlog.get_logger()


def check_candidate(sessions: Sessions, store: ArtifactStore, space: EmbeddingSpace) -> list[Check]:
    """Check the index built last, on disk; of its segments those that are not served already.

    Raises ArtifactError if none was built.
    """
    with sessions() as session:
        version = index_versions.latest_built(session, space.key)
        served = publications.published(session)
        if version is None:
            raise ArtifactError("no index was built yet; materialise faiss_index")
        recorded = index_versions.recorded_manifest(session, version)
        fetch_version(store, version, recorded)
    folder = store.index(version)
    index_files.read_manifest(folder, recorded)  # refuses another one than was recorded
    return check_folder(folder, sessions, store, served_segments(store, served))


def served_segments(store: ArtifactStore, served: PublishedIndex | None) -> frozenset[str]:
    """Names of the segments that are served now, which were checked before they were."""
    if served is None:
        return frozenset()
    folder = store.index(served.index.version)
    try:
        manifest = index_files.read_manifest(folder, served.index.manifest_sha256)
    except ArtifactError:
        return frozenset()
    chosen = index_files.cover_of(folder, manifest) if manifest.segments else None
    return frozenset(segment.name for segment in chosen.segments) if chosen else frozenset()


def check_folder(
    folder: Path, sessions: Sessions, store: ArtifactStore, trusted: Collection[str] = ()
) -> list[Check]:
    """Check an index against the batches that its manifest names, not against later ones.

    Segments that are `trusted`, by name, were checked before; of these only some tracks are asked
    for.
    """
    from soundalike.vectors.index.open_index import OpenIndex

    index = OpenIndex.open(folder, trusted=trusted, codes_memory=CODES_MEMORY)
    new = [segment for segment in index.segments if segment.name not in trusted]
    batches = [key for segment in new for key in _batches_of(index.manifest, segment)]
    space = index.manifest.space
    fetch_embeddings(sessions, store, space, dict.fromkeys(batches))
    ids = [
        segment.ids[row].decode()
        for segment in new
        for row in evenly(range(len(segment.ids)), SAMPLED_TRACKS)
    ]
    sampled = evenly([track for track in ids if track in index], SAMPLED_TRACKS)
    spaces: dict[str, str] = {}
    recorded: dict[str, tuple[str, int]] = {}
    for batch in dict.fromkeys(batches):  # one at a time: they name every track of the library
        sidecar = read_sidecar(store, space, batch)
        spaces[sidecar.fingerprint] = sidecar.space
        recorded |= _recorded(batch, sidecar, sampled)
    sample = {track: _vector(store, space, recorded.get(track)) for track in sampled}
    has_codes = index.manifest.built_as.has_codes
    kept = ground_truth.load(store.ground_truth) if has_codes else None
    truth = _ground_truth(store, index, kept) if has_codes else None
    checks = check_index(index, spaces, sample, measured=new, truth=truth)
    if truth and truth is not kept and all(check.passed for check in checks):
        _keep(store, truth)
    return checks


def _ground_truth(
    store: ArtifactStore, index: "OpenIndex", kept: GroundTruth | None
) -> GroundTruth:
    """The ground truth of an index: what was kept of the one built before, brought up to it.

    If that does not follow, all vectors are read.
    """
    truth = None
    if kept and kept.version == index.manifest.version:
        return kept
    if kept:
        with suppress(ArtifactError):  # that version may be gone
            before = index_files.read_manifest(store.index(kept.version))
            truth = ground_truth.follow(kept, before, index)
    return truth or ground_truth.measure(index, WHOLE_QUERIES)


def _keep(store: ArtifactStore, truth: GroundTruth) -> None:
    try:
        truth.save(store.ground_truth)
    except OSError as error:  # the next build measures it again
        log.warning("ground_truth.not_kept", reason=str(error))


def _batches_of(manifest: IndexManifest, segment: "Segment") -> Collection[str]:
    return segment.manifest.batches if segment.manifest else manifest.batches


def _recorded(batch: str, sidecar: Sidecar, wanted: Collection[str]) -> dict[str, tuple[str, int]]:
    """The batch and the row of those of the wanted tracks that are in the batch."""
    present = set(wanted).intersection(sidecar.track_ids)
    return {track: (batch, sidecar.track_ids.index(track)) for track in present}


def _vector(
    store: ArtifactStore, space: str, recorded: tuple[str, int] | None
) -> NDArray[np.float32] | None:
    """Read a track's vector, float32 [dim], from its batch; None if it is in none."""
    if recorded is None:
        return None
    batch, row = recorded
    return np.array(load_vectors(store, space, batch)[row])
