"""Labels of a map: each category's name where it lies closest, and mostly alone."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from serving.maps.colours import Categories
from serving.maps.drawn_map import NOWHERE, Coordinates

CELLS = 24  # a side of the grid
FEWEST = 3  # tracks that make a label


class Label(NamedTuple):
    """A text at coordinates of the map, and the number of its tracks around there."""

    text: str
    x: int
    y: int
    tracks: int


def labels(coordinates: Coordinates, found: Categories) -> list[Label]:
    """Return a label for each category that is somewhere dense, that of most tracks first."""
    drawn = coordinates[:, 0] != NOWHERE
    cells = _cells(coordinates[drawn])
    codes = found.codes[drawn]
    everything = _around(np.bincount(cells, minlength=CELLS * CELLS))
    placed = []
    for number, name in enumerate(found.names, 1):
        own = codes == number
        near = _around(np.bincount(cells[own], minlength=CELLS * CELLS))
        best = int(np.argmax(near * near / np.maximum(everything, 1)))
        chosen = own & np.isin(cells, _neighbourhood(best))
        if chosen.sum() >= min(FEWEST, own.sum()) > 0:
            x, y = np.median(coordinates[drawn][chosen], axis=0)
            placed.append(Label(name, int(x), int(y), int(near[best])))
    return sorted(placed, key=lambda label: (-label.tracks, label.text))


def _cells(coordinates: Coordinates) -> NDArray[np.int64]:
    """Return each point's cell of the grid, int64 [n]."""
    places = (coordinates.astype(np.int64) - NOWHERE) * CELLS // 2**16
    return places[:, 1] * CELLS + places[:, 0]


def _around(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each cell [cells] the sum of its own count and those of the eight around it."""
    padded = np.pad(counts.reshape(CELLS, CELLS), 1)
    shifts = [(dy, dx) for dy in range(3) for dx in range(3)]
    total = sum(padded[dy : dy + CELLS, dx : dx + CELLS] for dy, dx in shifts)
    return np.asarray(total).ravel()


def _neighbourhood(cell: int) -> list[int]:
    row, column = divmod(cell, CELLS)
    rows = range(max(row - 1, 0), min(row + 2, CELLS))
    columns = range(max(column - 1, 0), min(column + 2, CELLS))
    return [y * CELLS + x for y in rows for x in columns]
