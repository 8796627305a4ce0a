"""The served index: one opened version, and how one is opened and verified."""

import datetime as dt
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from anyio import to_thread
from numpy.typing import NDArray

from serving.index.disk_check import DiskCheck, Signature, signature
from serving.index.filter_cache import FilterCache
from serving.index.milvus_versions import MilvusCheck
from serving.index.search_threads import SearchThreads
from soundalike.catalog.tables import IndexVersionRow
from soundalike.errors import ArtifactError
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index_files import IndexManifest, cover_of, read_manifest
from soundalike.vectors.neighbours import NeighbourQuery, Neighbours, SearchIndex
from soundalike.vectors.segment_files import segment_names

if TYPE_CHECKING:
    from soundalike.vectors.index.open_index import OpenIndex
    from soundalike.vectors.index.segment import Segment

Result = TypeVar("Result")


@dataclass(frozen=True)
class ServedIndex:
    """An opened index version. A request takes it once, so that its response is consistent."""

    index: SearchIndex
    published_at: dt.datetime
    threads: SearchThreads
    check: DiskCheck | MilvusCheck
    filters: FilterCache = field(default_factory=FilterCache)

    @property
    def manifest(self) -> IndexManifest:
        """The manifest of the opened version."""
        return self.index.manifest

    def __contains__(self, track_id: str) -> bool:
        return track_id in self.index

    async def vectors_of(self, track_ids: Sequence[str]) -> NDArray[np.float32]:
        """The float32 [m, dim] of these tracks, in order. Raises KeyError for an unknown one."""
        return await self.wait_for(lambda: self.index.vectors_of(track_ids))

    async def wait_for(self, work: Callable[[], Result]) -> Result:
        """Do what needs vectors: in a thread, if it waits for a network."""
        return await to_thread.run_sync(work) if self.index.is_remote else work()

    async def search(self, queries: Sequence[NeighbourQuery]) -> list[Neighbours]:
        """Search in the search threads: the hits of each query, in their order.

        Queries of other requests may be in the same batch. faiss releases the GIL, so the event
        loop keeps running. Raises Overloaded if too many queries are queued.
        """
        return await self.threads.search(self.index, queries)


def signature_of(store: ArtifactStore, version: Path) -> Signature:
    """The files that a version may be opened from."""
    segments = [store.segments / name for name in segment_names(store.segments)]
    return signature([version, *segments])


def merged_since(store: ArtifactStore, index: "OpenIndex") -> frozenset[str] | None:
    """Return the segments that hold the rows of an opened version now, if these are others."""
    folder, names = store.index(index.manifest.version), index.segment_names
    chosen = cover_of(folder, index.manifest) if names else None
    if chosen is None or chosen.missing:
        return None
    now = frozenset(segment.name for segment in chosen.segments)
    return now if now != names else None


def open_verified(
    folder: Path, published: IndexVersionRow, opened: "Iterable[Segment]" = ()
) -> "tuple[OpenIndex, DiskCheck]":
    """Open a published version, verified, with the segments of it that are `opened`.

    Raises ArtifactError if it is damaged, or another one.
    """
    # OpenMP reads this when faiss loads, which is here and nowhere earlier in the service. Many
    # requests share the cores, so searches that each use all of them would only contend; and
    # faiss.omp_set_num_threads would apply to the calling thread alone.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from soundalike.vectors.index.open_index import OpenIndex

    manifest = read_manifest(folder, published.manifest_sha256)
    if manifest.version != folder.name:
        raise ArtifactError(f"the folder of index {folder.name} holds {manifest.version}")
    before = signature_of(ArtifactStore(folder.parent.parent), folder)
    index = OpenIndex.open(folder, manifest, private=True, opened=opened)
    recorded = published.manifest_sha256
    disk_check = DiskCheck(folder, manifest, recorded, index.segment_names, before)
    index.probe()
    _ = index.distribution  # computed now, not by the first request
    return index, disk_check
