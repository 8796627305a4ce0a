"""Answers about the map, as frozen dataclasses."""

from dataclasses import dataclass
from typing import Literal

from soundalike.client.answers.tracks import Track


@dataclass(frozen=True)
class MapCategory:
    """A category of points; `id` is its number there."""

    id: int
    name: str
    tracks: int


@dataclass(frozen=True)
class MapLabel:
    """A text on the map, at coordinates from -32767 to 32767."""

    text: str
    x: int
    y: int
    tracks: int


@dataclass(frozen=True)
class MapColours:
    """The categories of each colour."""

    genre: list[MapCategory]
    tag: list[MapCategory]
    folder: list[MapCategory]
    decade: list[MapCategory]


@dataclass(frozen=True)
class MapLabels:
    """The labels for each colour."""

    genre: list[MapLabel]
    tag: list[MapLabel]
    folder: list[MapLabel]
    decade: list[MapLabel]


@dataclass(frozen=True)
class Map:
    """The map of the served index: what points are coloured by, and labels."""

    index_version: str
    layout: str
    colouring: str
    tracks: int
    colour: Literal["genre", "tag", "folder", "decade"]
    colours: MapColours
    labels: MapLabels


@dataclass(frozen=True)
class LookedUp:
    """A track, its row of the points, and where that is; None if it is not on the map."""

    row: int
    at: tuple[int, int] | None
    track: Track


@dataclass(frozen=True)
class Lookup:
    """The tracks that were found, in the order asked for."""

    index_version: str
    items: list[LookedUp]
