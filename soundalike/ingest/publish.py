"""Stage `published_index`: choose the index that the library needs, and make it the served one."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from soundalike.catalog import indexes
from soundalike.catalog.batches import pending_batches
from soundalike.catalog.engine import Sessions
from soundalike.catalog.indexes import PublishedIndex
from soundalike.catalog.tables import IndexVersionRow
from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import ArtifactError
from soundalike.ingest.build_index import version_of
from soundalike.settings import KindChoice
from soundalike.storage.atomic import remembered_sha256
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors import index_files
from soundalike.vectors.index_files import IndexManifest


@dataclass(frozen=True)
class NextIndex:
    """The version to publish next, None if no change is needed; and the reason.

    `batches` are those that its vectors are gathered from, and `served` what it would replace.
    `is_current`: the served version is the one that the library needs.
    """

    version: str | None
    reason: str
    tracks: int = 0
    batches: tuple[str, ...] = ()
    served: PublishedIndex | None = None
    is_current: bool = False


@dataclass(frozen=True)
class PublishRule:
    """The new tracks, or minutes, after which to publish while batches are under way."""

    tracks: int
    minutes: float


def publication_due(wanted: NextIndex, rule: PublishRule, now: dt.datetime) -> str | None:
    """Return None if an index is due although batches are under way; else when it is.

    The first index of a library is due at once, so that there is something to search.
    """
    if wanted.served is None:
        return None
    new = wanted.tracks - wanted.served.index.tracks
    due = wanted.served.publication.published_at + dt.timedelta(minutes=rule.minutes)
    if new >= rule.tracks or now >= due:
        return None
    return (
        f"batches are under way; the index is built when they are done, {rule.tracks} tracks are "
        f"new ({max(new, 0)} are), or at {due.astimezone(dt.UTC):%H:%M} UTC"
    )


class PublishedManifest(IndexManifest):
    """The manifest of the served index, and how it came to be served.

    `replaces`: the version that was served before. `pinned`: a user published it by hand, so it
    stays. `published_by`: the Dagster run that published it.
    """

    folder: Path
    replaces: str | None
    pinned: bool
    published_by: str | None


def next_index(
    sessions: Sessions, store: ArtifactStore, space: EmbeddingSpace, choice: KindChoice
) -> NextIndex:
    """Compare the index that the library needs, of the chosen kind, with the served one."""
    with sessions() as session:
        contents = indexes.contents(session, space.key)
        served = indexes.published(session)
        pending = pending_batches(session, space.key)
        lost = indexes.lost_batches(session, space.key)
    if lost:
        kept = f"; index {served.index.version} stays until then" if served else ""
        return NextIndex(None, f"the vectors of {', '.join(lost)} are made again{kept}")
    if not contents.tracks:
        kept = f"; index {served.index.version} stays published" if served else ""
        return NextIndex(None, f"no track of the library is embedded in {space.key}{kept}")
    whole = served is not None and _is_whole(store, served.index)
    if served and served.publication.by_hand and whole:
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
    if served and served.index.version == version and whole:
        reason = f"index {version} with {len(contents.tracks)} tracks is up to date"
        return NextIndex(None, reason, served=served, is_current=True)
    return NextIndex(
        version,
        f"{len(contents.tracks)} tracks",
        len(contents.tracks),
        tuple(contents.batches),
        served,
    )


def _is_whole(store: ArtifactStore, index: IndexVersionRow) -> bool:
    """Return whether the version is on disk, of this release and undamaged; else it is rebuilt."""
    folder = store.index(index.version)
    try:
        index_files.verify_version(folder, index.manifest_sha256, remembered_sha256)
    except (ArtifactError, OSError):
        return False
    return True


def publish(
    sessions: Sessions,
    store: ArtifactStore,
    space: EmbeddingSpace,
    version: str | None,
    seen: int | None = None,
    run_id: str | None = None,
) -> PublishedManifest:
    """Make `version` the served one, or if it is None, the version of `space` built last.

    A `version` given by a user is a rollback: it stays until a user publishes another. Automation
    therefore passes the id of the publication it has `seen`: if a user published another one since,
    that one stays, and its manifest is returned. `run_id` is the Dagster run that publishes.
    Raises ArtifactError if the version was never built, is damaged, or failed its checks.
    """
    with sessions() as session:
        chosen = version or indexes.latest_built(session, space.key)
        if chosen is None:
            raise ArtifactError("no index was built yet; materialise faiss_index")
        indexes.require_built(session, chosen)
        recorded = indexes.recorded_manifest(session, chosen)
    manifest = index_files.verify_version(store.index(chosen), recorded)
    if manifest.failed_checks:
        details = "; ".join(f"{check.name}: {check.detail}" for check in manifest.failed_checks)
        raise ArtifactError(f"index {chosen} is not published, it failed its checks ({details})")
    with sessions.begin() as session:
        indexes.publish(session, chosen, version is not None, seen, run_id)
        return _served(session, store)


def _served(session: Session, store: ArtifactStore) -> PublishedManifest:
    served = indexes.published(session)
    if served is None:
        raise ArtifactError("no index is published yet; materialise published_index")
    folder = store.index(served.index.version)
    return PublishedManifest(
        **dict(index_files.read_manifest(folder)),
        folder=folder,
        replaces=indexes.replaced_version(session, served),
        pinned=served.publication.by_hand,
        published_by=served.publication.dagster_run_id,
    )
