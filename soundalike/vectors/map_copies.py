"""Copies of maps in a bucket: points by their hash, then the manifest, which may be replaced."""

import hashlib
from contextlib import suppress
from pathlib import Path

from soundalike.errors import ArtifactError, MissingObject
from soundalike.storage.atomic import atomic_folder, make_read_only, remove_folder
from soundalike.storage.bucket import Bucket
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.map_files import MANIFEST, POINTS, read_manifest, read_points


def upload_map(store: ArtifactStore, bucket: Bucket, version: str) -> None:
    """Put the map of a version. Raises ArtifactError if it is damaged; BucketError."""
    folder = store.map(version)
    manifest = read_manifest(folder)
    read_points(folder, manifest)
    bucket.put(_points_key(store, folder, manifest.points_sha256), folder / POINTS)
    bucket.put_bytes(store.key(folder / MANIFEST), (folder / MANIFEST).read_bytes())


def is_map_uploaded(store: ArtifactStore, version: str) -> bool:
    """Return whether the bucket, if there is one, has this map. Raises BucketError."""
    if store.bucket is None:
        return True
    path = store.map(version) / MANIFEST
    with suppress(MissingObject):
        return store.bucket.read(store.key(path)) == path.read_bytes()
    return False


def fetch_map(copies: ArtifactStore, bucket: Bucket, version: str) -> None:
    """Fetch the map of a version, unless it is here, or not drawn yet.

    Raises ArtifactError if it is damaged; BucketError.
    """
    folder = copies.map(version)
    try:
        content = bucket.read(copies.key(folder / MANIFEST))
    except MissingObject:
        return
    if folder.is_dir() and (folder / MANIFEST).read_bytes() == content:
        return
    with atomic_folder(copies.maps / f"{version}.new") as temporary:
        (temporary / MANIFEST).write_bytes(content)
        sha256 = read_manifest(temporary).points_sha256
        points = bucket.read(_points_key(copies, folder, sha256))
        if hashlib.sha256(points).hexdigest() != sha256:
            raise ArtifactError(f"the map of index {version} in the bucket is damaged")
        (temporary / POINTS).write_bytes(points)
        make_read_only(temporary)
    if folder.exists():
        remove_folder(folder)
    (copies.maps / f"{version}.new").rename(folder)


def _points_key(store: ArtifactStore, folder: Path, sha256: str) -> str:
    return f"{store.key(folder)}/{sha256}.parquet"
