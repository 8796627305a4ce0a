"""Index versions that are searched in Milvus: opening one, and watching that it stays there.

Of the version's own files only the manifest is read, from the data root or the bucket.
"""

from threading import Event
from typing import TYPE_CHECKING

from serving.index.disk_check import Stopped
from soundalike.catalog.tables import IndexVersionRow
from soundalike.errors import ArtifactError, MilvusError, in_one_line
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.artifact_files import MANIFEST
from soundalike.vectors.index_copies import version_in_bucket
from soundalike.vectors.index_files import IndexManifest, read_manifest
from soundalike.vectors.milvus.collection import MilvusCollection, name_of
from soundalike.vectors.milvus.server import Milvus

if TYPE_CHECKING:
    from soundalike.vectors.index.milvus_index import MilvusIndex

SEARCH_THREADS = 8  # of a worker: they wait for Milvus, and need no core meanwhile


class MilvusCheck:
    """The check of the collection that is served."""

    def __init__(self, milvus: Milvus, version: str) -> None:
        """Watch this version's."""
        self._collection = MilvusCollection(milvus, name_of(version))
        self._stop = Event()

    def problem(self) -> str | None:
        """Return the problem with the collection, or None. Raises Stopped if `stop` was called."""
        if self._stop.is_set():
            raise Stopped
        try:
            if not self._collection.exists():
                return f"{self._collection.name} is gone"
            self._collection.load()  # a publication that is not followed yet may have released it
        except MilvusError as error:
            return in_one_line(error)
        return None

    def stop(self) -> None:
        """Check no more."""
        self._stop.set()


def open_in_milvus(
    milvus: Milvus, store: ArtifactStore, published: IndexVersionRow
) -> "tuple[MilvusIndex, MilvusCheck]":
    """Open a published version, which must find its own tracks.

    Raises MilvusError if Milvus does not answer, or lacks it; ArtifactError without its manifest.
    """
    from soundalike.vectors.index.milvus_index import MilvusIndex

    index = MilvusIndex.open(milvus, _manifest(store, published))
    index.probe()
    _ = index.distribution  # computed now, not by the first request
    return index, MilvusCheck(milvus, published.version)


def _manifest(store: ArtifactStore, published: IndexVersionRow) -> IndexManifest:
    version, sha256 = published.version, published.manifest_sha256
    folder = store.index(version)
    if (folder / MANIFEST).exists() or store.bucket is None:
        return read_manifest(folder, sha256)
    if sha256 is None:
        raise ArtifactError(f"the manifest of index {version} was never recorded")
    return version_in_bucket(store, store.bucket, version, sha256)
