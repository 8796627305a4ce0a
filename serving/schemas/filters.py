"""The filter of tracks: the same fields as query parameters and as the `filter` of a body."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from serving import limits
from serving.schemas.base import OTHER_TRACK_ID, TRACK_ID
from serving.schemas.strict import StrictBody
from soundalike.catalog import tracks
from soundalike.catalog.filters import TrackFilter


def _require_storable(text: str) -> str:
    if not tracks.storable(text):
        raise ValueError("must be text without NUL characters")
    return text


def _require_one_value(text: str) -> str:
    if "," in text:
        raise ValueError("a comma does not separate values; repeat the parameter: ids=A&ids=B")
    return text


# PostgreSQL accepts it as a parameter.
StorableText = Annotated[str, AfterValidator(_require_storable)]
Name = Annotated[StorableText, Field(max_length=limits.MAX_NAME_LENGTH)]
# A value that never holds a comma: one that does is a list in the wrong form.
Word = Annotated[Name, AfterValidator(_require_one_value)]
TrackIdText = Annotated[
    StorableText, Field(max_length=limits.MAX_ID_LENGTH), AfterValidator(_require_one_value)
]
Names = Annotated[list[Name], Field(max_length=limits.MAX_NAMES)]
Words = Annotated[list[Word], Field(max_length=limits.MAX_NAMES)]
Path = Annotated[StorableText, Field(max_length=limits.MAX_PATH_LENGTH)]
Paths = Annotated[list[Path], Field(max_length=limits.MAX_NAMES)]
Ids = Annotated[list[TrackIdText], Field(max_length=limits.MAX_IDS)]
Year = Annotated[int, Field(ge=0, le=limits.MAX_YEAR)]
Seconds = Annotated[float, Field(ge=0, le=limits.MAX_TRACK_SECONDS, allow_inf_nan=False)]


class Filters(BaseModel):
    """Conditions on tracks. All fields that are set must hold.

    A list holds for a track with any of its values, except `tags_all`.
    """

    artists: Names = Field(
        [],
        description="Tracks by any of these artists: whole names; case, accents and punctuation do "
        "not count.",
        examples=[["Ana Lua"]],
    )
    albums: Names = Field([], description="Any of these albums: whole names.", examples=[["Marés"]])
    genres: Names = Field(
        [],
        description="Tracks of any of these genres of the files' metadata: whole names.",
        examples=[["Fado", "Folk"]],
    )
    tags: Words = Field(
        [],
        description="Any of these predicted tags, among the track's five strongest.",
        examples=[["acoustic", "folk"]],
    )
    tags_all: Words = Field(
        [],
        description="All of these predicted tags, each among the track's five strongest.",
        examples=[["acoustic"]],
    )
    year_from: Year | None = Field(None, description="First year, inclusive.", examples=[1959])
    year_to: Year | None = Field(None, description="Last year, inclusive.", examples=[2020])
    duration_from: Seconds | None = Field(
        None, description="Minimum duration in seconds, inclusive.", examples=[10]
    )
    duration_to: Seconds | None = Field(
        None, description="Maximum duration in seconds, inclusive.", examples=[600]
    )
    roots: Names = Field(
        [],
        description="Files in any of these music roots, by name; `GET /v1/roots` lists them.",
        examples=[["music"]],
    )
    paths: Paths = Field(
        [],
        description="Any of these paths, as responses show them.",
        examples=[["Ana Lua/Marés/03 Saudade.flac"]],
    )
    path_prefix: Path | None = Field(
        None,
        description="Start of the track's path, as responses show it.",
        examples=["Ana Lua/"],
    )
    musicbrainz_ids: Words = Field(
        [],
        description="Any of these MusicBrainz recording ids of the files' metadata.",
        examples=[["b1a9c0e9-d987-4042-ae91-78d6a3267d69"]],
    )
    isrcs: Words = Field(
        [],
        description="Any of these ISRCs of the files' metadata, with or without hyphens.",
        examples=[["GBAYE6900531"]],
    )
    ids: Ids = Field(
        [], description="Only these tracks, by id.", examples=[[TRACK_ID, OTHER_TRACK_ID]]
    )
    exclude_ids: Ids = Field(
        [], description="None of these tracks, by id.", examples=[[OTHER_TRACK_ID]]
    )

    @property
    def in_catalog(self) -> TrackFilter:
        """The filter for the catalog, without `exclude_ids`, which leaves out rows of the index."""
        return TrackFilter(
            artists=tuple(self.artists),
            albums=tuple(self.albums),
            genres=tuple(self.genres),
            year_from=self.year_from,
            year_to=self.year_to,
            duration_from=self.duration_from,
            duration_to=self.duration_to,
            tags=tuple(self.tags),
            tags_all=tuple(self.tags_all),
            roots=tuple(self.roots),
            paths=tuple(self.paths),
            path_prefix=self.path_prefix,
            musicbrainz_ids=tuple(self.musicbrainz_ids),
            isrcs=tuple(self.isrcs),
            ids=tuple(self.ids),
        )


class SearchFilter(StrictBody, Filters):
    """The filter of a search's body. Unknown fields are rejected."""
