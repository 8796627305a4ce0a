"""Stage `published_index`: make a version the served one, once it was read and found whole.

Where artifacts are also in a bucket, or Milvus is searched, it is there before it is served.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from soundalike.catalog import index_versions, publications
from soundalike.catalog.engine import Sessions
from soundalike.catalog.outside_locks import bucket_lock
from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import ArtifactError
from soundalike.ingest.index_checks import served_segments
from soundalike.ingest.milvus_versions import put_collection, show_published
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors import index_files
from soundalike.vectors.index_copies import fetch_version, upload_version
from soundalike.vectors.index_files import IndexManifest
from soundalike.vectors.milvus.server import Milvus


class PublishedManifest(IndexManifest):
    """The manifest of the served index, and how it came to be served.

    `replaces`: the version that was served before. `pinned`: a user published it by hand, so it
    stays. `published_by`: the Dagster run that published it.
    """

    folder: Path
    replaces: str | None
    pinned: bool
    published_by: str | None


@dataclass(frozen=True)
class BuiltVersion:
    """A version that was built and not removed, and the recorded hash of its manifest."""

    version: str
    manifest_sha256: str | None


def publish(
    sessions: Sessions,
    store: ArtifactStore,
    space: EmbeddingSpace,
    version: str | None,
    seen: int | None = None,
    run_id: str | None = None,
    milvus: Milvus | None = None,
) -> PublishedManifest:
    """Make `version` the served one, or if it is None, the version of `space` built last.

    A `version` given by a user is a rollback: it stays until a user publishes another. Automation
    therefore passes the id of the publication it has `seen`: if a user published another one since,
    that one stays, and its manifest is returned. `run_id` is the Dagster run that publishes, and
    `milvus` what is searched, None if that is the version itself. Raises ArtifactError if the
    version was never built, is damaged, or failed its checks, BucketError if it cannot be put into
    the bucket, and MilvusError if not into Milvus.
    """
    with sessions() as session:
        chosen = built_version(session, space.key, version)
        served = publications.published(session)
    fetch_version(store, chosen.version, chosen.manifest_sha256)
    require_publishable(store, chosen, served_segments(store, served))
    if store.bucket:
        with bucket_lock(sessions):
            upload_version(store, store.bucket, chosen.version)
    if milvus:
        put_collection(sessions, milvus, store, chosen.version)
    with sessions.begin() as session:
        stays = publications.publish(session, chosen.version, version is not None, seen, run_id)
        manifest = published_manifest(session, store)
        if milvus and not stays:
            show_published(milvus, manifest.version, manifest.replaces)
        return manifest


def built_version(session: Session, space: str, version: str | None) -> BuiltVersion:
    """Return `version`, or if it is None the one of `space` built last. Raises ArtifactError."""
    chosen = version or index_versions.latest_built(session, space)
    if chosen is None:
        raise ArtifactError("no index was built yet; materialise faiss_index")
    index_versions.require_built(session, chosen)
    return BuiltVersion(chosen, index_versions.recorded_manifest(session, chosen))


def require_publishable(
    store: ArtifactStore, built: BuiltVersion, trusted: Collection[str] = ()
) -> None:
    """Read a version, which must be whole and have passed its checks. Raises ArtifactError.

    Of the segments that are `trusted`, by name, only the sizes are looked at: they were read when
    they were published, and what becomes of them is watched while they are served.
    """
    folder = store.index(built.version)
    manifest = index_files.verify_version(folder, built.manifest_sha256, trusted=trusted)
    if manifest.failed_checks:
        details = "; ".join(f"{check.name}: {check.detail}" for check in manifest.failed_checks)
        raise ArtifactError(
            f"index {built.version} is not published, it failed its checks ({details})"
        )


def published_manifest(session: Session, store: ArtifactStore) -> PublishedManifest:
    """Return the manifest of the served index. Raises ArtifactError if none is served."""
    served = publications.published(session)
    if served is None:
        raise ArtifactError("no index is published yet; materialise published_index")
    folder = store.index(served.index.version)
    return PublishedManifest(
        **dict(index_files.read_manifest(folder)),
        folder=folder,
        replaces=publications.replaced_version(session, served),
        pinned=served.publication.by_hand,
        published_by=served.publication.dagster_run_id,
    )
