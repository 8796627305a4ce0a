"""Garbage collection in the bucket: objects of no recorded batch and no kept index version.

What was put within a day is left alone, and so is everything while a version is put.
"""

import datetime as dt
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import PurePosixPath

import structlog
from sqlalchemy.orm import Session

from soundalike.catalog import retention
from soundalike.catalog.engine import Sessions
from soundalike.catalog.outside_locks import bucket_lock
from soundalike.errors import ArtifactError, BucketError, MissingObject, in_one_line
from soundalike.maintenance.bucket_check import FOLDERS, recorded_files
from soundalike.storage.bucket import Bucket, StoredObject
from soundalike.storage.bucket_files import recorded_key
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index_copies import version_in_bucket

DAY = dt.timedelta(days=1)
REMOVED_AT_ONCE = 500

log = structlog.get_logger()


def unneeded_objects(
    sessions: Sessions, store: ArtifactStore, days: int, retired: Collection[str] = ()
) -> list[StoredObject]:
    """List what may be removed from the bucket once these versions are retired. Removes nothing.

    Audio of tracks that left the library stays for `days`. Nothing if there is no bucket, or if it
    does not answer, which is logged. Raises ArtifactError if it seems to be another catalog's.
    """
    if store.bucket is None:
        return []
    try:
        with sessions() as session:
            return [*_unneeded(session, store, store.bucket, days, retired)]
    except BucketError as error:
        log.warning("bucket.not_collected", reason=in_one_line(error))
        return []


def remove_unneeded(sessions: Sessions, store: ArtifactStore, days: int) -> list[StoredObject]:
    """Remove what `unneeded_objects` lists; return it. A version goes before its segments."""
    if store.bucket is None:
        return []
    with bucket_lock(sessions):
        found = unneeded_objects(sessions, store, days)
        keys = sorted((each.key for each in found), key=lambda key: not key.startswith("indexes/"))
        try:
            for start in range(0, len(keys), REMOVED_AT_ONCE):
                store.bucket.remove(keys[start : start + REMOVED_AT_ONCE])
        except BucketError as error:
            log.warning("bucket.not_collected", reason=in_one_line(error))
            return []
    return found


def _unneeded(
    session: Session,
    store: ArtifactStore,
    bucket: Bucket,
    days: int,
    retired: Collection[str],
) -> Iterator[StoredObject]:
    recorded = retention.kept_manifests(session)
    kept = {version: sha256 for version, sha256 in recorded.items() if version not in retired}
    before = dt.datetime.now(dt.UTC) - DAY
    old = {
        folder: [found for found in bucket.listed(f"{folder}/") if found.put_at < before]
        for folder in ("indexes", "segments", "maps", *FOLDERS)
    }
    _refuse_foreign(bucket, set(map(_name, old["indexes"])), retention.built_versions(session))
    segments: set[str] = set()
    for version, sha256 in kept.items():
        with suppress(MissingObject):  # it was never put
            segments.update(version_in_bucket(store, bucket, version, sha256).segments)
    needed = {"indexes": kept.keys(), "segments": segments, "maps": kept.keys()}
    for folder, names in needed.items():
        yield from (found for found in old[folder] if _name(found) not in names)
    files = {recorded_key(store, file.path, file.sha256) for file in recorded_files(session, store)}
    if store.keep_audio != "none":  # audio that was put stays as long as its track
        kept_audio = retention.kept_audio(session, days)
        old["audio"] = [found for found in old["audio"] if _track(found) not in kept_audio]
    for folder in FOLDERS:
        yield from (found for found in old[folder] if found.key not in files)


def _refuse_foreign(bucket: Bucket, versions: set[str], known: set[str]) -> None:
    """Raise ArtifactError if the catalog has built few of the versions in the bucket."""
    if len(versions - known) * 2 > len(versions):
        raise ArtifactError(
            f"the catalog does not know most of what is in {bucket.url}; is it another catalog's? "
            "Nothing was removed. Check DATABASE_URL and SOUNDALIKE_ARTIFACTS"
        )


def _track(found: StoredObject) -> str:
    """Return the track whose canonical audio it is."""
    return PurePosixPath(found.key).parent.stem


def _name(found: StoredObject) -> str:
    """Return the name of the version or segment that an object belongs to."""
    return PurePosixPath(found.key).parts[1]
