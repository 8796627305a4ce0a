"""The map that is served: read whenever it was drawn, coloured from the columns."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from anyio import Lock, to_thread

from serving.columns.snapshot import Snapshot
from serving.index.disk_check import Signature, signature
from serving.index.served_index import ServedIndex
from serving.maps.colours import COLOURS, Categories, Colour, categories, value_of
from serving.maps.drawn_map import DrawnMap
from soundalike.errors import ArtifactError
from soundalike.storage.layout import ArtifactStore

FRESH_SECONDS = 10.0  # retags are seen after so long, as all tracks are read for it
PAGE = 4096  # tracks that are read at a time


class ColouredMap(NamedTuple):
    """A map, and the categories of its rows in each colour."""

    drawn: DrawnMap
    colours: Mapping[Colour, Categories]


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
        self._coloured_at = 0.0

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
            waited = time.monotonic() - self._coloured_at
            is_fresh = columns.revision == self._revision or waited < FRESH_SECONDS
            if self._map is None or self._map.drawn is not drawn or not is_fresh:
                colours = await to_thread.run_sync(_colours, served, columns)
                self._map = ColouredMap(drawn, colours)
                self._revision, self._coloured_at = columns.revision, time.monotonic()
            return self._map


def _colours(served: ServedIndex, columns: Snapshot) -> dict[Colour, Categories]:
    values: dict[Colour, list[str | None]] = {colour: [] for colour in COLOURS}
    for start in range(0, len(served.index), PAGE):
        page = served.index.track_ids[start : start + PAGE]
        found = columns.views(page)
        for colour, known in values.items():
            known += [value_of(colour, found.get(track_id)) for track_id in page]
    return {colour: categories(colour, known) for colour, known in values.items()}
