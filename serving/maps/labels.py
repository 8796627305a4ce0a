"""Labels of a map: each category's name where it lies closest, and mostly alone."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from serving.maps.colours import Categories
from serving.maps.drawn_map import NOWHERE, Coordinates

FEWEST_CELLS, MOST_CELLS = 4, 24  # a side of the grid
TRACKS_A_CELL = 4  # on the average, at least
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
    coordinates, codes = coordinates[drawn], found.codes[drawn]
    side = int(np.clip(np.sqrt(len(codes) / TRACKS_A_CELL), FEWEST_CELLS, MOST_CELLS))
    places = (coordinates.astype(np.int64) - NOWHERE) * side // 2**16
    everything = _around(places, side)
    placed = []
    for number, name in enumerate(found.names, 1):
        own = codes == number
        near = _around(places[own], side)
        row, column = divmod(int(np.argmax(near * near / np.maximum(everything, 1))), side)
        chosen = own & (np.abs(places - [column, row]).max(axis=1) <= 1)
        if chosen.sum() >= FEWEST:
            x, y = np.median(coordinates[chosen], axis=0)
            placed.append(Label(name, int(x), int(y), int(chosen.sum())))
    return sorted(placed, key=lambda label: (-label.tracks, label.text))


def _around(places: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """Count the places [n, 2] in each cell and the eight around it, int64 [side * side]."""
    counts = np.bincount(places[:, 1] * side + places[:, 0], minlength=side * side)
    padded = np.pad(counts.reshape(side, side), 1)
    shifts = [(dy, dx) for dy in range(3) for dx in range(3)]
    total = sum(padded[dy : dy + side, dx : dx + side] for dy, dx in shifts)
    return np.asarray(total).ravel()
