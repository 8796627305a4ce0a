"""The map that is served: read once for each index version, coloured from the columns."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from anyio import Lock, to_thread

from serving.columns.snapshot import Snapshot
from serving.index.live_index import ServedIndex
from serving.maps.colours import COLOURS, Categories, Colour, categories
from serving.maps.drawn_map import DrawnMap
from soundalike.storage.layout import ArtifactStore

FRESH_SECONDS = 10.0  # retags are seen after so long: to colour 100 000 tracks takes half a second


class ColouredMap(NamedTuple):
    """A map, and the categories of its rows in each colour."""

    drawn: DrawnMap
    colours: Mapping[Colour, Categories]


class ServedMap:
    """The map of the index that was asked for last."""

    def __init__(self, store: ArtifactStore) -> None:
        """Read maps of this data root when they are asked for."""
        self._store = store
        self._lock = Lock()
        self._map: ColouredMap | None = None
        self._revision: int | None = None
        self._coloured_at = 0.0

    async def of(self, served: ServedIndex, columns: Snapshot) -> ColouredMap:
        """Return the served index's map. Raises ArtifactError if it is not drawn, or damaged."""
        async with self._lock:
            version = served.manifest.version
            known = self._map
            if known and known.drawn.manifest.index_version == version:
                waited = time.monotonic() - self._coloured_at
                if columns.revision == self._revision or waited < FRESH_SECONDS:
                    return known
                drawn = known.drawn
            else:
                drawn = await to_thread.run_sync(DrawnMap.read, self._store, served.index)
            self._map = await self._coloured(drawn, served, columns)
            return self._map

    async def _coloured(
        self, drawn: DrawnMap, served: ServedIndex, columns: Snapshot
    ) -> ColouredMap:
        def colour() -> ColouredMap:
            track_ids = list(served.index.track_ids)
            found = columns.views(track_ids)
            views = [found.get(track_id) for track_id in track_ids]
            return ColouredMap(drawn, {each: categories(each, views) for each in COLOURS})

        coloured = await to_thread.run_sync(colour)
        self._revision, self._coloured_at = columns.revision, time.monotonic()
        return coloured
