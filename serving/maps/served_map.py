"""The map that is served: read whenever it was drawn, coloured from the columns."""

from collections.abc import Mapping
from typing import NamedTuple

from anyio import Lock, to_thread

from serving.columns.snapshot import Snapshot
from serving.index.disk_check import Signature, signature
from serving.index.served_index import ServedIndex
from serving.maps.colours import COLOURS, Categories, Colour, categories, values_of
from serving.maps.drawn_map import DrawnMap
from serving.maps.labels import Label, labels
from soundalike.errors import ArtifactError
from soundalike.storage.layout import ArtifactStore


class ColouredMap(NamedTuple):
    """A map, the categories of its rows in each colour, and the labels of those."""

    drawn: DrawnMap
    colours: Mapping[Colour, Categories]
    labels: Mapping[Colour, list[Label]]


class ServedMap:
    """The map of the index that was asked for last."""

    def __init__(self, store: ArtifactStore) -> None:
        """Read maps of this data root when they are asked for."""
        self._store = store
        self._reading, self._colouring = Lock(), Lock()
        self._drawn: DrawnMap | None = None
        self._files: Signature = {}
        self._map: ColouredMap | None = None
        self._revision: int | None = None

    async def drawn(self, served: ServedIndex) -> DrawnMap:
        """Return the served index's map; one that was drawn again since replaces it.

        Raises ArtifactError if it is not drawn, or damaged.
        """
        version = served.manifest.version
        async with self._reading:
            known = self._drawn
            if known and known.manifest.index_version != version:
                known = None
            store = await to_thread.run_sync(self._store_of, version)
            files = await to_thread.run_sync(signature, [store.map(version)])
            if known is None or files != self._files:
                try:
                    known = await to_thread.run_sync(DrawnMap.read, store, served.index)
                except ArtifactError:
                    if known is None:  # else it is being drawn again, or what is read stays
                        raise
                self._drawn, self._files = known, files
            return known

    def _store_of(self, version: str) -> ArtifactStore:
        """Return the cache of what the bucket has for a map that is not in the data root."""
        return self._store if self._store.map(version).exists() else self._store.cache

    async def of(self, served: ServedIndex, columns: Snapshot) -> ColouredMap:
        """Return the same with its colours."""
        drawn = await self.drawn(served)
        async with self._colouring:
            is_known = self._map is not None and self._map.drawn is drawn
            if self._map is None or not is_known or columns.revision != self._revision:
                self._map = await to_thread.run_sync(_coloured, drawn, served, columns)
                self._revision = columns.revision
            return self._map


def _coloured(drawn: DrawnMap, served: ServedIndex, columns: Snapshot) -> ColouredMap:
    parts, rows = columns.parts, columns.rows_in_parts(served.index)
    found = {each: categories(each, values_of(each, parts).take(rows)) for each in COLOURS}
    named = {each: labels(drawn.coordinates, known) for each, known in found.items()}
    return ColouredMap(drawn, found, named)
