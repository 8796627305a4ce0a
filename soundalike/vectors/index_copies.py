"""Copies of index versions in a bucket: whole before they are visible, verified when fetched.

A segment is visible by its manifest, which is put last, and a version by its own, which is put
after its segments. A version's manifest is named by its hash, which the catalog has: so whatever
two builders put, a reader takes the one that was recorded.
"""

import hashlib
from collections.abc import Iterator

from soundalike.errors import ArtifactError
from soundalike.storage.atomic import atomic_folder, make_read_only
from soundalike.storage.bucket import Bucket
from soundalike.storage.bucket_files import REPAIR, Watch, download, missing_named
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.artifact_files import MANIFEST, ArtifactFiles
from soundalike.vectors.index_files import IndexManifest, parse_manifest
from soundalike.vectors.segment_files import SegmentManifest, parse_segment, read_segment


def manifest_key(store: ArtifactStore, version: str, sha256: str) -> str:
    """The key of a version's manifest."""
    return f"{store.key(store.index(version))}/{sha256}.json"


def upload_version(store: ArtifactStore, bucket: Bucket, version: str) -> None:
    """Put a version with what of its segments the bucket lacks; it appears last, whole.

    Raises ArtifactError if a file is damaged, which is then not put; BucketError.
    """
    folder = store.index(version)
    content = ArtifactFiles(f"index {version}", folder, {}).read(MANIFEST)
    manifest = parse_manifest(folder, content)
    for name in manifest.segments:
        segment = read_segment(store.segments / name)
        _upload(store, bucket, segment.files_in(store.segments / name))
        bucket.put_new(
            store.key(store.segments / name / MANIFEST),
            (store.segments / name / MANIFEST).read_bytes(),
        )
    _upload(store, bucket, manifest.files_in(folder))
    sha256 = hashlib.sha256(content).hexdigest()
    bucket.put_new(manifest_key(store, version, sha256), content)


def fetch_version(store: ArtifactStore, version: str, sha256: str | None) -> None:
    """Fetch a version into the data root, if it is not there and the bucket has it.

    Raises ArtifactError if what the bucket has of it is damaged, and BucketError.
    """
    if store.bucket is None or sha256 is None or store.index(version).exists():
        return
    if is_uploaded(store, version, sha256):
        VersionDownload(store, store.bucket, version, sha256).fetch(_unwatched)


def _unwatched(_: int) -> None:
    """Nobody waits to end the download."""


def version_in_bucket(
    store: ArtifactStore, bucket: Bucket, version: str, sha256: str
) -> IndexManifest:
    """Read a version's manifest. Raises MissingObject, or ArtifactError if it is damaged."""
    return parse_manifest(store.index(version), _recorded(store, bucket, version, sha256))


def _recorded(store: ArtifactStore, bucket: Bucket, version: str, sha256: str) -> bytes:
    content = bucket.read(manifest_key(store, version, sha256))
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArtifactError(f"index {version}: its manifest in the bucket is damaged; {REPAIR}")
    return content


def is_uploaded(store: ArtifactStore, version: str, sha256: str | None) -> bool:
    """Return whether the bucket, if there is one, has the version. Raises BucketError."""
    if store.bucket is None or sha256 is None:
        return True
    return store.bucket.exists(manifest_key(store, version, sha256))


def _upload(store: ArtifactStore, bucket: Bucket, files: ArtifactFiles) -> None:
    """Put those of the files that are not there with their size, once they are verified."""
    files.verify_sizes()
    prefix = store.key(files.folder) + "/"
    there = {stored.key: stored.size for stored in bucket.listed(prefix)} if files.sha256 else {}
    missing = {
        name: sha256
        for name, sha256 in files.sha256.items()
        if there.get(prefix + name) != (files.folder / name).stat().st_size
    }
    ArtifactFiles(files.label, files.folder, missing).verify()
    for name in missing:
        bucket.put(prefix + name, files.folder / name)


class VersionDownload:
    """The download of a version into a store of copies.

    Raises ArtifactError if an object is missing, damaged or not what was recorded, and BucketError.
    What fails or is interrupted leaves whole segments, which the next download keeps.
    """

    def __init__(self, copies: ArtifactStore, bucket: Bucket, version: str, sha256: str) -> None:
        """Read the manifests: of the version, which has this hash, and of segments to fetch."""
        self._copies, self._bucket = copies, bucket
        self._folder = copies.index(version)
        with missing_named(f"index {version}"):
            self._content = _recorded(copies, bucket, version, sha256)
        self.manifest = parse_manifest(self._folder, self._content)
        self._segments = [*self._missing_segments()]

    @property
    def size(self) -> int:
        """The bytes to fetch."""
        sizes = [self.manifest.sizes, *(segment.sizes for _, segment in self._segments)]
        return sum(sum(each.values()) for each in sizes)

    def fetch(self, watch: Watch) -> None:
        """Fetch what is missing; each segment appears whole, and the version after them."""
        for content, segment in self._segments:
            self._fetch(segment.files_in(self._copies.segments / segment.name), content, watch)
        self._fetch(self.manifest.files_in(self._folder), self._content, watch)

    def _missing_segments(self) -> Iterator[tuple[bytes, SegmentManifest]]:
        for name in self.manifest.segments:
            folder = self._copies.segments / name
            if not folder.is_dir():
                with missing_named(f"segment {name}"):
                    content = self._bucket.read(self._copies.key(folder / MANIFEST))
                yield content, parse_segment(folder, content)

    def _fetch(self, files: ArtifactFiles, manifest: bytes, watch: Watch) -> None:
        with atomic_folder(files.folder) as temporary:
            for name, sha256 in files.sha256.items():
                key, label = self._copies.key(files.folder / name), f"{files.label}: {name}"
                about = sha256, label, files.sizes.get(name), watch
                with (temporary / name).open("wb") as target:
                    download(self._bucket, key, target, *about)
            (temporary / MANIFEST).write_bytes(manifest)
            make_read_only(temporary)
