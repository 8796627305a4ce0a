"""Stage `published_index`: which index the library calls for, and making one the served one."""

from dataclasses import dataclass

from soundalike.catalog import indexes
from soundalike.catalog.batches import pending_batches
from soundalike.catalog.engine import Sessions
from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import ArtifactError
from soundalike.ingest.build_index import version_of
from soundalike.settings import KindChoice
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors import index_files
from soundalike.vectors.index_files import IndexManifest


@dataclass(frozen=True)
class NextIndex:
    """The version to publish next; None if none is called for, with the reason."""

    version: str | None
    reason: str


def next_index(
    sessions: Sessions, store: ArtifactStore, space: EmbeddingSpace, choice: KindChoice = "auto"
) -> NextIndex:
    """Compare what the library calls for, in the kind that is chosen, with what is served."""
    with sessions() as session:
        contents = indexes.contents(session, space.key)
        served = indexes.published(session)
        pending = pending_batches(session, space.key)
    if not contents.tracks:
        kept = f"; index {served.index.version} goes on being served" if served else ""
        return NextIndex(None, f"no track of the library is embedded in {space.key}{kept}")
    if served and served.publication.by_hand:
        return NextIndex(
            None,
            f"version {served.index.version} was published by hand; materialise published_index "
            "without a version to follow the library again",
        )
    if served and served.index.space != space.key and pending:
        return NextIndex(
            None,
            f"index {served.index.version} of {served.index.space} is served until all batches "
            f"are embedded in {space.key}; {len(pending)} are not",
        )
    version = version_of(space, contents, choice)
    if served and served.index.version == version and store.index(version).is_dir():
        return NextIndex(None, f"index {version} with {len(contents.tracks)} tracks is up to date")
    return NextIndex(version, f"{len(contents.tracks)} tracks")


def publish(
    sessions: Sessions,
    store: ArtifactStore,
    space: EmbeddingSpace,
    version: str | None,
    seen: int | None = None,
) -> IndexManifest:
    """Make `version` the served one, or else the one of `space` that was built last.

    A version that a person names stays until a person says otherwise: that is the rollback. So
    automation says which publication it has `seen`: if a person published another one since, that
    stays, and its manifest is returned.
    Raises ArtifactError if it was never built, is damaged, or did not pass its checks.
    """
    with sessions() as session:
        chosen = version or indexes.latest_built(session, space.key)
    if chosen is None:
        raise ArtifactError("no index was built yet; materialise faiss_index")
    manifest = index_files.read_manifest(store.index(chosen))
    index_files.verify_files(store.index(chosen), manifest)
    if manifest.failed_checks:
        named = "; ".join(f"{check.name}: {check.detail}" for check in manifest.failed_checks)
        raise ArtifactError(f"index {chosen} is not published, it failed its checks ({named})")
    with sessions.begin() as session:
        kept = indexes.publish(session, chosen, by_hand=version is not None, seen=seen)
    return index_files.read_manifest(store.index(kept)) if kept else manifest
