"""The index that the library needs next, compared with the served one, and when it is due."""

import datetime as dt
from dataclasses import dataclass

import structlog

from soundalike.catalog import index_contents, publications
from soundalike.catalog.batches import pending_batches
from soundalike.catalog.engine import Sessions
from soundalike.catalog.publications import PublishedIndex
from soundalike.catalog.tables import IndexVersionRow
from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import ArtifactError, BucketError, in_one_line
from soundalike.ingest.build_index import version_of
from soundalike.settings import KindChoice
from soundalike.storage.atomic import remembered_sha256
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors import index_files
from soundalike.vectors.index_copies import is_uploaded

log = structlog.get_logger()


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


def next_index(
    sessions: Sessions, store: ArtifactStore, space: EmbeddingSpace, choice: KindChoice
) -> NextIndex:
    """Compare the index that the library needs, of the chosen kind, with the served one."""
    with sessions() as session:
        contents = index_contents.contents(session, space.key)
        served = publications.published(session)
        is_of_another_space = served is not None and served.index.space != space.key
        pending = pending_batches(session, space.key) if is_of_another_space else []
        lost = index_contents.lost_batches(session, space.key)
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
    if served and pending:
        return NextIndex(
            None,
            f"index {served.index.version} of {served.index.space} is served until all batches "
            f"are embedded in {space.key}; {len(pending)} are not",
        )
    version = version_of(space, contents, choice)
    if served and served.index.version == version and whole and _is_in_bucket(store, served.index):
        reason = f"index {version} with {contents.tracks} tracks is up to date"
        return NextIndex(None, reason, served=served, is_current=True)
    return NextIndex(
        version,
        f"{contents.tracks} tracks",
        contents.tracks,
        tuple(contents.batches),
        served,
    )


def _is_whole(store: ArtifactStore, index: IndexVersionRow) -> bool:
    """Return whether the version is on disk, of this release and undamaged; else it is rebuilt.

    One that another builder has built is in the bucket alone.
    """
    folder = store.index(index.version)
    if store.bucket and not folder.exists():
        return _is_in_bucket(store, index)
    try:
        index_files.verify_version(folder, index.manifest_sha256, remembered_sha256)
    except (ArtifactError, OSError):
        return False
    return True


def _is_in_bucket(store: ArtifactStore, index: IndexVersionRow) -> bool:
    """Return whether the version is in the bucket, or there is no bucket, or nobody can tell."""
    try:
        return is_uploaded(store, index.version, index.manifest_sha256)
    except BucketError as error:
        log.warning("bucket.unreachable", reason=in_one_line(error))
        return True
