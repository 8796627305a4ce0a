"""Checks of the bucket of artifacts against what the catalog has recorded."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from soundalike.catalog import artifacts, retention
from soundalike.catalog.engine import Sessions
from soundalike.catalog.outside_locks import bucket_lock
from soundalike.errors import ArtifactError, MissingObject
from soundalike.storage.atomic import sha256_of
from soundalike.storage.bucket import Bucket
from soundalike.storage.bucket_files import put_file, recorded_key
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.artifact_files import MANIFEST, ArtifactFiles
from soundalike.vectors.index_copies import manifest_key, upload_version, version_in_bucket
from soundalike.vectors.segment_files import parse_segment

FOLDERS = "batches", "embeddings", "audio"


@dataclass(frozen=True)
class RecordedFile:
    """A file of a batch, and its recorded hash."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class DamagedObject:
    """An object that is lost or damaged, the problem in words, and what it is of.

    That is an index version, or a file of a batch.
    """

    key: str
    problem: str
    of: str | RecordedFile


def check_bucket(
    sessions: Sessions, store: ArtifactStore, bucket: Bucket, *, read: bool
) -> list[DamagedObject]:
    """Return what is wrong in the bucket with batches, and with the kept versions that were put.

    Objects are compared by their sizes where these are known, and by their content if `read`. All
    batches and the served version must be there. Raises BucketError.
    """
    with sessions() as session:
        kept, served = retention.kept_manifests(session), retention.served_version(session)
        files = [*recorded_files(session, store)]
    found = [*_damaged_files(store, bucket, files, read)]
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
        for of in dict.fromkeys(damaged.of for damaged in found):
            with suppress(ArtifactError):  # it is lost here too
                if isinstance(of, str):
                    upload_version(store, bucket, of)
                elif of.path.is_file() and sha256_of(of.path) == of.sha256:
                    put_file(store, of.path, of.sha256)
    return [damaged for damaged in found if not bucket.exists(damaged.key)]


def recorded_files(session: Session, store: ArtifactStore) -> Iterator[RecordedFile]:
    """Yield what the bucket is to have of all batches: manifests, vectors, sidecars and audio.

    Only that whose hash is recorded.
    """
    for _, batch, sha256 in artifacts.manifests(session, None):
        if sha256:
            yield RecordedFile(store.batch_manifest(batch), sha256)
    for _, batch, space, sha256, sidecar in artifacts.embeddings(session, None):
        yield RecordedFile(store.vectors(space, batch), sha256)
        if sidecar:
            yield RecordedFile(store.sidecar(space, batch), sidecar)
    for flac in artifacts.audio(session, None) if store.keep_audio == "bucket" else ():
        if flac.sha256:
            yield RecordedFile(store.audio(flac.track), flac.sha256)


def _damaged_files(
    store: ArtifactStore, bucket: Bucket, files: Iterable[RecordedFile], read: bool
) -> Iterator[DamagedObject]:
    there = {found.key for folder in FOLDERS for found in bucket.listed(f"{folder}/")}
    for file in files:
        key = recorded_key(store, file.path, file.sha256)
        if key not in there:
            yield DamagedObject(key, "missing", file)
        elif read and _sha256(bucket, key) != file.sha256:
            yield DamagedObject(key, "not as it was written", file)


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
    opened = [manifest.files_in(store.index(version))]
    for name in manifest.segments:
        folder = store.segments / name
        key = store.key(folder / MANIFEST)
        if key in seen:
            continue
        seen.add(key)
        try:
            opened.append(parse_segment(folder, bucket.read(key)).files_in(folder))
        except MissingObject:
            yield DamagedObject(key, "missing", version)
        except ArtifactError:
            yield DamagedObject(key, "not as it was written", version)
    for files in opened:
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
