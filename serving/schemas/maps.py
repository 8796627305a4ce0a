"""Responses of the map: what is on it, and the tracks of its points."""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt

from serving.schemas.base import TRACK_ID, ResponseModel
from serving.schemas.filters import TrackIdText
from serving.schemas.strict import StrictBody
from serving.schemas.tracks import Track

MAX_LOOKUP = 200
VERSION = "3fd0c9a7b2e1"
COORDINATE = "From -32767 to 32767; y grows upwards."


class MapCategory(ResponseModel):
    """A category of points."""

    id: int = Field(description="Its number in the points; 0 is everything else.", examples=[1])
    name: str = Field(examples=["Fado"])
    tracks: int = Field(examples=[120])


class MapLabel(ResponseModel):
    """A text on the map."""

    text: str = Field(examples=["Fado"])
    x: int = Field(description=COORDINATE, examples=[-1200])
    y: int = Field(description=COORDINATE, examples=[800])
    tracks: int = Field(description="The tracks of the category around it.", examples=[80])


class MapColours(ResponseModel):
    """The categories of each colour; those of most tracks first, decades in their order."""

    genre: list[MapCategory]
    tag: list[MapCategory] = Field(description="The strongest word that is heard in a track.")
    folder: list[MapCategory] = Field(
        description="The highest folder of a track's file, after its root where there are several."
    )
    decade: list[MapCategory]


class MapLabels(ResponseModel):
    """The labels for each colour, those of most tracks first."""

    genre: list[MapLabel]
    tag: list[MapLabel]
    folder: list[MapLabel]
    decade: list[MapLabel]


class Map(ResponseModel):
    """The map of the served index: near points sound alike."""

    index_version: str = Field(examples=[VERSION])
    layout: str = Field(
        description="Names the layout. Points keep their places as long as it is the same.",
        examples=["5f1a0c9b7d3e"],
    )
    colouring: str = Field(
        description="Names which number is which category; the points are asked for with it.",
        examples=["9b1d4c07e2aa"],
    )
    tracks: int = Field(description="Rows of the points.", examples=[1234])
    colour: Literal["genre", "tag", "folder", "decade"] = Field(
        description="The colour that tells most of this collection.", examples=["genre"]
    )
    colours: MapColours
    labels: MapLabels


class LookupRequest(StrictBody):
    """Points or tracks to look up, as rows of the points or as ids."""

    index_version: str = Field(
        max_length=64, description="The version that the rows are of.", examples=[VERSION]
    )
    rows: list[Annotated[StrictInt, Field(ge=0)]] = Field([], max_length=MAX_LOOKUP, examples=[[0]])
    ids: list[TrackIdText] = Field([], max_length=MAX_LOOKUP, examples=[[TRACK_ID]])


class LookedUp(ResponseModel):
    """A track and its point."""

    row: int = Field(examples=[0])
    at: tuple[int, int] | None = Field(
        description="x and y; null if it is not on the map, or there is none.",
        examples=[[-1200, 800]],
    )
    track: Track


class Lookup(ResponseModel):
    """The tracks that were found: rows first, then ids, in the order asked for."""

    index_version: str = Field(examples=[VERSION])
    items: list[LookedUp]


LOOKUP_EXAMPLES: dict[str, Any] = {
    "rows": {"summary": "Points of the map", "value": {"index_version": VERSION, "rows": [0, 1]}},
    "ids": {"summary": "Tracks by id", "value": {"index_version": VERSION, "ids": [TRACK_ID]}},
}
