"""Checks of the bucket of artifacts against the index versions that the catalog keeps."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from soundalike.catalog import retention
from soundalike.catalog.bucket_lock import bucket_lock
from soundalike.catalog.engine import Sessions
from soundalike.errors import ArtifactError, MissingObject
from soundalike.storage.bucket import Bucket
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.artifact_files import MANIFEST, ArtifactFiles
from soundalike.vectors.index_copies import manifest_key, upload_version, version_in_bucket
from soundalike.vectors.segment_files import parse_segment


@dataclass(frozen=True)
class DamagedObject:
    """An object that is lost or damaged, the problem in words, and the version that needs it."""

    key: str
    problem: str
    version: str


def check_bucket(
    sessions: Sessions, store: ArtifactStore, bucket: Bucket, *, read: bool
) -> list[DamagedObject]:
    """Return what is wrong in the bucket with the kept versions that were put.

    Objects are compared by their sizes, and by their content if `read`. The served version must be
    there. Raises BucketError.
    """
    with sessions() as session:
        kept, served = retention.kept_manifests(session), retention.served_version(session)
    found: list[DamagedObject] = []
    seen: set[str] = set()
    for version, sha256 in kept.items():
        key = manifest_key(store, version, sha256)
        if version == served or bucket.exists(key):
            found += _damages(store, bucket, version, sha256, seen, read)
    return found


def repair_bucket(
    sessions: Sessions, store: ArtifactStore, bucket: Bucket, found: list[DamagedObject]
) -> list[DamagedObject]:
    """Remove the damaged objects, and put them again from the data root; return what stays lost."""
    with bucket_lock(sessions):
        bucket.remove([damaged.key for damaged in found])
        for version in dict.fromkeys(damaged.version for damaged in found):
            with suppress(ArtifactError):  # it is lost here too
                upload_version(store, bucket, version)
    return [damaged for damaged in found if not bucket.exists(damaged.key)]


def _damages(
    store: ArtifactStore, bucket: Bucket, version: str, sha256: str, seen: set[str], read: bool
) -> Iterator[DamagedObject]:
    key = manifest_key(store, version, sha256)
    try:
        manifest = version_in_bucket(store, bucket, version, sha256)
    except MissingObject:
        yield DamagedObject(key, "missing", version)
        return
    except ArtifactError:
        yield DamagedObject(key, "not as it was written", version)
        return
    artifacts = [manifest.files_in(store.index(version))]
    for name in manifest.segments:
        folder = store.segments / name
        key = store.key(folder / MANIFEST)
        if key in seen:
            continue
        seen.add(key)
        try:
            artifacts.append(parse_segment(folder, bucket.read(key)).files_in(folder))
        except MissingObject:
            yield DamagedObject(key, "missing", version)
        except ArtifactError:
            yield DamagedObject(key, "not as it was written", version)
    for files in artifacts:
        for key, problem in _problems(store, bucket, files, read):
            yield DamagedObject(key, problem, version)


def _problems(
    store: ArtifactStore, bucket: Bucket, files: ArtifactFiles, read: bool
) -> Iterator[tuple[str, str]]:
    prefix = store.key(files.folder) + "/"
    there = {found.key: found.size for found in bucket.listed(prefix)} if files.sha256 else {}
    for name, sha256 in files.sha256.items():
        key, size = prefix + name, files.sizes.get(name)
        if key not in there:
            yield key, "missing"
        elif size not in (None, there[key]):
            yield key, f"{there[key]} bytes instead of {size}"
        elif read and _sha256(bucket, key) != sha256:
            yield key, "not as it was written"


def _sha256(bucket: Bucket, key: str) -> str:
    digest = hashlib.sha256()
    with suppress(MissingObject):
        for block in bucket.blocks(key):
            digest.update(block)
    return digest.hexdigest()
