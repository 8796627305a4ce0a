"""A map in the order of the served index's rows, which is how it is sent."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.map_files import MapManifest, read_manifest, read_points
from soundalike.vectors.neighbours import SearchIndex

NOWHERE = -32768  # both coordinates of a track that is not on the map
SCALE = 32767  # an int16 for a coordinate of 1

Coordinates = NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class DrawnMap:
    """The map of an index version: `coordinates` [n, 2], a row for each of the index."""

    manifest: MapManifest
    coordinates: Coordinates

    @classmethod
    def read(cls, store: ArtifactStore, index: SearchIndex) -> "DrawnMap":
        """Read the map of an open index. Raises ArtifactError if there is none that is whole."""
        folder = store.map(index.manifest.version)
        manifest = read_manifest(folder)
        points = read_points(folder, manifest)
        # In the order of ids, as the index is: both were made of the same version.
        coordinates = np.full((len(index), 2), NOWHERE, np.int16)
        rows = index.rows_of(points.track_ids)
        coordinates[rows] = np.rint(np.clip(points.positions, -1, 1) * SCALE)
        return cls(manifest, coordinates)

    def at(self, row: int) -> tuple[int, int] | None:
        """Return the coordinates of a row of the index; None if it is not on the map."""
        x, y = self.coordinates[row].tolist()
        return None if x == NOWHERE else (x, y)
