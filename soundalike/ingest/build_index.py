"""Stage `faiss_index`: gather every track's vector into a candidate index, and check it."""

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from soundalike.catalog import index_contents, index_versions, publications
from soundalike.catalog.engine import Sessions
from soundalike.catalog.index_contents import IndexContents
from soundalike.catalog.library import batch_number
from soundalike.catalog.outside_locks import bucket_lock
from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import ArtifactError, UnreadableArtifact
from soundalike.ingest.bucket_versions import put_version
from soundalike.ingest.healing import (
    counted_damage,
    heal,
    set_aside,
    set_damaged_segments_aside,
)
from soundalike.ingest.index_checks import check_folder, served_segments
from soundalike.ingest.segments import coding_of, known_to_recall_too_little, lay_out
from soundalike.resource_usage import Monitor, Usage
from soundalike.settings import KindChoice
from soundalike.storage.atomic import atomic_folder, make_read_only, remove_folder, sha256_of
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors import index_files
from soundalike.vectors.artifact_files import MANIFEST
from soundalike.vectors.index_copies import fetch_version
from soundalike.vectors.index_files import IndexManifest
from soundalike.vectors.kinds import FALLBACK_KIND, IndexKind, kind_for
from soundalike.vectors.recall import recalls_too_little
from soundalike.vectors.segment_files import read_segment

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
    kind = kind_for(contents.tracks, choice)
    return index_files.version_of(space, kind, contents.batches, contents.removed)


def build_index(
    sessions: Sessions,
    store: ArtifactStore,
    space: EmbeddingSpace,
    choice: KindChoice,
    run_id: str | None = None,
) -> BuildReport:
    """Build the version that the library needs now, unless a valid one exists.

    If `choice` is `auto`, the number of tracks decides the kind, and a kind whose recall on this
    library is too low falls back to another. With a bucket, the version is put there before it is
    recorded, and taken from there if another builder has built it. Raises ArtifactError if there is
    nothing to index, or if the embeddings of a batch are lost, which is then pending again.
    """
    with Monitor() as monitor:
        with sessions() as session:
            contents = index_contents.contents(session, space.key)
            lost = index_contents.lost_batches(session, space.key)
        if lost:
            named = ", ".join(lost)
            raise ArtifactError(f"the vectors of {named} are lost; embed these again first")
        if not contents.tracks:
            raise ArtifactError(f"no track is embedded in {space.key} yet; nothing to index")
        version = version_of(space, contents, choice)
        folder = store.index(version)
        with sessions() as session:
            recorded = index_versions.recorded_manifest(session, version)
            served = publications.published(session)
        fetch_version(store, version, recorded)
        reused = _keep_valid(store, folder, recorded)
        if not reused:
            with suppress(ArtifactError):  # for its segments; without them they are written anew
                if served:
                    fetch_version(store, served.index.version, served.index.manifest_sha256)
            trusted = served_segments(store, served)
            with (
                _lost_embeddings_marked(sessions, store, contents.batches),
                atomic_folder(folder) as temporary,
            ):
                try:
                    _write(temporary, sessions, store, space, contents, choice, run_id, trusted)
                except UnreadableArtifact:
                    raise
                except ArtifactError:  # a segment that an older version left may be damaged
                    if not set_damaged_segments_aside(store):
                        raise
                    _write(temporary, sessions, store, space, contents, choice, run_id, trusted)
                make_read_only(temporary)
        manifest = _record(sessions, store, version)
    return BuildReport(manifest, folder, reused, monitor.usage())


def _record(sessions: Sessions, store: ArtifactStore, version: str) -> IndexManifest:
    """Record a version, which is in the bucket by then, if there is one."""
    folder = store.index(version)
    with bucket_lock(sessions) if store.bucket else nullcontext(), sessions.begin() as session:
        if store.bucket:
            put_version(session, store, store.bucket, version)
        manifest = index_files.read_manifest(folder)
        sha256 = {"manifest_sha256": sha256_of(folder / MANIFEST)}
        index_versions.record_version(session, manifest.model_dump(include=RECORDED) | sha256)
    return manifest


def _keep_valid(store: ArtifactStore, folder: Path, manifest_sha256: str | None) -> bool:
    """Return whether the version exists, is undamaged and passed its checks; else make room for it.

    A damaged one is set aside, with the segments that are; one that failed its checks is deleted,
    with those of its segments that did, as it is rebuilt from the same vectors.
    """
    if not folder.exists():  # segments are read when they are chosen, not all for each album
        return False
    try:
        manifest = index_files.verify_version(folder, manifest_sha256)
    except UnreadableArtifact:
        raise
    except ArtifactError:
        set_aside(store, folder)
        set_damaged_segments_aside(store)
        return False
    if manifest.failed_checks:
        remove_folder(folder)
        for name in manifest.segments:
            if read_segment(store.segments / name).failed_checks:
                remove_folder(store.segments / name)
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
    sessions: Sessions,
    store: ArtifactStore,
    space: EmbeddingSpace,
    contents: IndexContents,
    choice: KindChoice,
    run_id: str | None,
    trusted: frozenset[str],
) -> None:
    """Write the segments that are not there, then the manifest with the checks' results.

    Of the others, those that are `trusted`, as they are served, are not read again.
    """
    version = version_of(space, contents, choice)
    kind = kind_for(contents.tracks, choice)
    if choice == "auto" and known_to_recall_too_little(store, space, coding_of(kind, contents)):
        kind = _fallen_back(kind, contents)
    new: frozenset[str] = frozenset()
    while True:
        coding = coding_of(kind, contents)
        layout = lay_out(sessions, store, space, contents, kind, coding, run_id)
        new |= layout.new
        manifest = IndexManifest(
            version=version,
            space=space.key,
            space_fingerprint=space.fingerprint,
            model=space.model,
            parameters=dict(space.parameters),
            kind=kind.name,
            kind_parameters=kind.parameters,
            dimension=space.dimension,
            tracks=contents.tracks,
            batches=contents.batches,
            removed=contents.removed,
            coding=coding,
            segments=[segment.name for segment in layout.segments],
            checks=[],
            dagster_run_id=run_id,
            created_at=dt.datetime.now(dt.UTC),
        )
        manifest = _checked(folder, sessions, store, manifest, trusted - new)
        has_fallback = choice == "auto" and kind.name in FALLBACK_KIND
        if not has_fallback or not recalls_too_little(manifest.failed_checks):
            return
        kind = _fallen_back(kind, contents)


def _fallen_back(kind: IndexKind, contents: IndexContents) -> IndexKind:
    """The kind to build instead of one whose recall on this library is too low."""
    fallback = FALLBACK_KIND[kind.name]
    log.warning("index.fell_back", kind=kind.name, to=fallback, tracks=contents.tracks)
    return kind_for(contents.tracks, fallback)


def _checked(
    folder: Path,
    sessions: Sessions,
    store: ArtifactStore,
    manifest: IndexManifest,
    trusted: frozenset[str],
) -> IndexManifest:
    """Check what is not trusted; return the manifest with the results, as written into the folder.

    Raises ArtifactError if a segment is damaged.
    """
    index_files.write_manifest(folder, manifest)
    checked = manifest.model_copy(update={"checks": check_folder(folder, sessions, store, trusted)})
    index_files.write_manifest(folder, checked)
    return checked
