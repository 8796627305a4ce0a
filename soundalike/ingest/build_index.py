"""Stage `faiss_index`: gather every track's vector into a candidate index, and check it."""

import datetime as dt
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from soundalike.catalog import indexes
from soundalike.catalog.engine import Sessions
from soundalike.catalog.indexes import IndexContents
from soundalike.catalog.library import batch_number
from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import ArtifactError, UnreadableArtifact
from soundalike.ingest.healing import counted_damage, heal, set_aside
from soundalike.ingest.index_checks import check_folder
from soundalike.resource_usage import Monitor, Usage
from soundalike.settings import KindChoice
from soundalike.storage.atomic import atomic_folder, make_read_only, remove_folder, sha256_of
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors import index_files
from soundalike.vectors.embedding_files import load_recorded
from soundalike.vectors.index_files import IndexManifest
from soundalike.vectors.kinds import FALLBACK_KIND, IndexKind, kind_for
from soundalike.vectors.recall import RECALL

log = structlog.get_logger()

RECORDED = {
    *("version", "space", "model", "kind", "dimension", "tracks", "dagster_run_id", "created_at")
}


@dataclass(frozen=True)
class BuildReport:
    """The candidate and the resources its build used; `reused` if it had been built before."""

    manifest: IndexManifest
    folder: Path
    reused: bool
    usage: Usage


def version_of(space: EmbeddingSpace, contents: IndexContents, choice: KindChoice) -> str:
    """Return the version of an index of these contents, of the chosen kind."""
    kind = kind_for(len(contents.tracks), choice)
    return index_files.version_of(space, kind, contents.batches, contents.tracks)


def build_index(
    sessions: Sessions,
    store: ArtifactStore,
    space: EmbeddingSpace,
    choice: KindChoice,
    run_id: str | None = None,
) -> BuildReport:
    """Build the version that the library needs now, unless a valid one exists.

    If `choice` is `auto`, the number of tracks decides the kind, and a kind whose recall on this
    library is too low falls back to another. Raises ArtifactError if there is nothing to index, or
    if the embeddings of a batch are lost, which is then pending again.
    """
    with Monitor() as monitor:
        with sessions() as session:
            contents = indexes.contents(session, space.key)
            lost = indexes.lost_batches(session, space.key)
        if lost:
            named = ", ".join(lost)
            raise ArtifactError(f"the vectors of {named} are lost; embed these again first")
        if not contents.tracks:
            raise ArtifactError(f"no track is embedded in {space.key} yet; nothing to index")
        version = version_of(space, contents, choice)
        folder = store.index(version)
        with sessions() as session:
            recorded = indexes.recorded_manifest(session, version)
        reused = _keep_valid(folder, recorded)
        if not reused:
            with (
                _lost_embeddings_marked(sessions, store, contents.batches),
                atomic_folder(folder) as temporary,
            ):
                _write(temporary, store, space, contents, choice, run_id)
                make_read_only(temporary)
        manifest = index_files.read_manifest(folder)
        sha256 = {"manifest_sha256": sha256_of(folder / index_files.MANIFEST)}
        with sessions.begin() as session:
            indexes.record_version(session, manifest.model_dump(include=RECORDED) | sha256)
    return BuildReport(manifest, folder, reused, monitor.usage())


def _keep_valid(folder: Path, manifest_sha256: str | None) -> bool:
    """Return whether the version exists, is undamaged and passed its checks; else make room for it.

    A damaged one is set aside; one that failed its checks is deleted, as it is rebuilt from the
    same vectors.
    """
    try:
        manifest = index_files.verify_version(folder, manifest_sha256)
    except UnreadableArtifact:
        raise
    except ArtifactError:
        set_aside(folder)
        return False
    if manifest.failed_checks:
        remove_folder(folder)
    return not manifest.failed_checks


@contextmanager
def _lost_embeddings_marked(
    sessions: Sessions, store: ArtifactStore, batches: Iterable[str]
) -> Iterator[None]:
    """Mark those of the batches as pending whose embeddings turn out to be lost or damaged."""
    try:
        yield
    except ArtifactError as error:
        lost = heal(sessions, store, [*map(batch_number, batches)])
        if not lost:
            raise
        raise ArtifactError(
            f"{error}; {counted_damage(lost)}: made again by the next ingest, and the index then"
        ) from error


def _write(
    folder: Path,
    store: ArtifactStore,
    space: EmbeddingSpace,
    contents: IndexContents,
    choice: KindChoice,
    run_id: str | None,
) -> None:
    """Fill the folder: vectors, codes, track ids, then the manifest with the checks' results."""
    kind = kind_for(len(contents.tracks), choice)
    matrix = _gather(store, space, contents)
    _write_vectors(folder, matrix, kind)
    index_files.write_tracks(folder, [track for track, _, _ in contents.tracks])
    manifest = IndexManifest(
        version=index_files.version_of(space, kind, contents.batches, contents.tracks),
        space=space.key,
        space_fingerprint=space.fingerprint,
        model=space.model,
        parameters=dict(space.parameters),
        kind=kind.name,
        kind_parameters=kind.parameters,
        dimension=space.dimension,
        tracks=len(contents.tracks),
        batches=contents.batches,
        files=index_files.hashes_of(folder, kind),
        sizes=index_files.sizes_of(folder, kind),
        checks=[],
        dagster_run_id=run_id,
        created_at=dt.datetime.now(dt.UTC),
    )
    manifest = _checked(folder, store, manifest)
    while choice == "auto" and _may_fall_back(manifest):
        manifest = _checked(folder, store, _of_fallback_kind(folder, manifest, matrix))


def _may_fall_back(manifest: IndexManifest) -> bool:
    """Return whether the kind failed the recall check and has a fallback kind."""
    failed = any(check.name == RECALL for check in manifest.failed_checks)
    return failed and manifest.kind in FALLBACK_KIND


def _checked(folder: Path, store: ArtifactStore, manifest: IndexManifest) -> IndexManifest:
    """Check the folder; return the manifest with the results, as written into the folder."""
    index_files.write_manifest(folder, manifest.model_copy(update={"checks": []}))
    checked = manifest.model_copy(update={"checks": check_folder(folder, store)})
    index_files.write_manifest(folder, checked)
    return checked


def _of_fallback_kind(
    folder: Path, manifest: IndexManifest, matrix: NDArray[np.float32]
) -> IndexManifest:
    """Replace the folder's files by those of the fallback kind, and return its manifest."""
    kind = kind_for(manifest.tracks, FALLBACK_KIND[manifest.kind])
    log.warning("index.fell_back", kind=manifest.kind, to=kind.name, tracks=manifest.tracks)
    (folder / index_files.CODES).unlink()
    _write_vectors(folder, matrix, kind)
    return manifest.model_copy(
        update={
            "kind": kind.name,
            "kind_parameters": kind.parameters,
            "files": index_files.hashes_of(folder, kind),
            "sizes": index_files.sizes_of(folder, kind),
        }
    )


def _write_vectors(folder: Path, matrix: NDArray[np.float32], kind: IndexKind) -> None:
    from soundalike.vectors.index.codes import write_codes
    from soundalike.vectors.index.exact import write_exact

    with ThreadPoolExecutor(2) as pool:  # one is bound by the disk, the other by the CPU
        writing = [pool.submit(write_exact, folder / index_files.INDEX, matrix)]
        if kind.has_codes:
            writing.append(pool.submit(write_codes, folder / index_files.CODES, matrix, kind))
        for part in writing:
            part.result()


def _gather(
    store: ArtifactStore, space: EmbeddingSpace, contents: IndexContents
) -> NDArray[np.float32]:
    """Read float32 [n_tracks, dim], in track order, from the recorded .npy of every batch."""
    matrix = np.empty((len(contents.tracks), space.dimension), np.float32)
    rows: dict[str, list[tuple[int, int]]] = {batch: [] for batch in contents.batches}
    for position, (_, batch, row) in enumerate(contents.tracks):
        rows[batch].append((position, row))
    for batch, pairs in rows.items():
        positions, batch_rows = np.array(pairs).T
        vectors = load_recorded(store, space.key, batch, contents.batches[batch])
        matrix[positions] = vectors[batch_rows]
    return matrix
