"""Files in the bucket whose hashes are recorded: put once, and verified when they are fetched.

A file that may be made anew is there under its path and its hash, so that a reader gets what the
catalog has recorded, whoever puts what meanwhile.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from soundalike.errors import ArtifactError, MissingObject
from soundalike.storage.atomic import atomic_file, remembered_sha256
from soundalike.storage.bucket import Bucket
from soundalike.storage.layout import ArtifactStore

REPAIR = "`soundalike verify --repair` where it was made mends the bucket"
Watch = Callable[[int], None]  # is told the bytes of each block, and may raise to end a download


def recorded_key(store: ArtifactStore, path: Path, sha256: str) -> str:
    """The key of a file of the data root with these contents."""
    return f"{store.key(path)}/{sha256}"


def put_file(store: ArtifactStore, path: Path, sha256: str) -> None:
    """Put a file of the data root that was written now; nothing without a bucket.

    What is there may be damaged, and is replaced. Raises BucketError.
    """
    if store.bucket:
        store.bucket.put(recorded_key(store, path, sha256), path)


def put_missing_file(store: ArtifactStore, path: Path, sha256: str) -> None:
    """Put a file of the data root, unless it is there; nothing without a bucket.

    Raises BucketError.
    """
    if store.bucket and not store.bucket.exists(recorded_key(store, path, sha256)):
        put_file(store, path, sha256)


def fetch_file(store: ArtifactStore, path: Path, sha256: str | None) -> None:
    """Fetch a file that is not in the data root as it is recorded; nothing without a bucket.

    Raises ArtifactError if it is missing in the bucket too, or damaged; BucketError.
    """
    if store.bucket is None or sha256 is None:
        return
    if path.is_file() and remembered_sha256(path) == sha256:
        return
    with atomic_file(path) as temporary, temporary.open("wb") as target:
        download(store.bucket, recorded_key(store, path, sha256), target, sha256, store.key(path))


def download(
    bucket: Bucket,
    key: str,
    target: BinaryIO,
    sha256: str,
    label: str,
    size: int | None = None,
    watch: Watch | None = None,
) -> None:
    """Write an object into an opened file. Raises ArtifactError if it is not as recorded."""
    digest = hashlib.sha256()
    with missing_named(label):
        found = bucket.size(key)
        if size not in (None, found):
            raise ArtifactError(
                f"{label} in the bucket has {found} bytes instead of {size}; {REPAIR}"
            )
        for block in bucket.blocks(key):
            if watch:
                watch(len(block))
            digest.update(block)
            target.write(block)
    if digest.hexdigest() != sha256:
        raise ArtifactError(f"{label} in the bucket is damaged; {REPAIR}")


@contextmanager
def missing_named(label: str) -> Iterator[None]:
    """Raise that an object is not there as an ArtifactError, which names no URL."""
    try:
        yield
    except MissingObject as error:
        raise ArtifactError(f"{label} is not in the bucket; {REPAIR}") from error
