"""What searches are asked with, as pydantic models: everything has a bound."""

from typing import Annotated, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from serving import limits
from serving.schemas import TRACK_ID
from soundalike.catalog import tracks
from soundalike.catalog.filters import TrackFilter
from soundalike.vectors.limits import MOST_EXAMPLES, MOST_NEIGHBOURS, NEIGHBOURS
from soundalike.vectors.question import Rules, Strategy


def storable(text: str) -> str:
    """Text that Postgres can be asked about. Raises ValueError for any other."""
    if not tracks.storable(text):
        raise ValueError("must be text without NUL characters")
    return text


Name = Annotated[str, AfterValidator(storable), Field(max_length=limits.LONGEST_NAME)]
Names = Annotated[list[Name], Field(max_length=limits.MOST_NAMES)]
TrackId = Annotated[
    str, AfterValidator(storable), Field(max_length=limits.LONGEST_ID, examples=[TRACK_ID])
]
Ids = Annotated[list[TrackId], Field(max_length=limits.MOST_IDS)]
Examples = Annotated[list[TrackId], Field(max_length=MOST_EXAMPLES)]
Year = Annotated[int, Field(ge=0, le=limits.LATEST_YEAR)]
Seconds = Annotated[float, Field(ge=0, le=limits.LONGEST_TRACK, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Cap = Annotated[int, Field(ge=1, le=MOST_NEIGHBOURS)]


class Filters(BaseModel):
    """What answers must be. Each part that is given must hold."""

    artists: Names = Field([], description="Any of these, whole names in any case.")
    albums: Names = Field([], description="Any of these.")
    genres: Names = Field([], description="Any of these, as the files' own tags have them.")
    tags: Names = Field([], description="All of these among the five words the model hears most.")
    year_from: Year | None = None
    year_to: Year | None = None
    seconds_from: Seconds | None = Field(None, description="The shortest track.")
    seconds_to: Seconds | None = Field(None, description="The longest track.")
    path_prefix: Annotated[str, AfterValidator(storable)] | None = Field(
        None, max_length=limits.LONGEST_PATH, description="Start of its path, as shown."
    )
    include: Ids = Field([], description="Only these tracks.")
    exclude: Ids = Field([], description="None of these tracks.")

    def of_catalog(self) -> TrackFilter:
        """The part that Postgres decides; `exclude` is a matter of rows."""
        return TrackFilter(
            artists=tuple(self.artists),
            albums=tuple(self.albums),
            genres=tuple(self.genres),
            year_from=self.year_from,
            year_to=self.year_to,
            seconds_from=self.seconds_from,
            seconds_to=self.seconds_to,
            tags=tuple(self.tags),
            path_prefix=self.path_prefix,
            include=tuple(self.include),
        )


class Shape(BaseModel):
    """How many answers, and how much alike they may be among themselves."""

    k: int = Field(NEIGHBOURS, ge=1, le=MOST_NEIGHBOURS, description="How many at most.")
    per_artist: Cap | None = Field(None, description="At most that many of one artist.")
    per_album: Cap | None = Field(None, description="At most that many of one album.")
    duplicate: Share | None = Field(
        None, description="Leave out what has this cosine or more with an example or a better hit."
    )
    diversity: Share = Field(
        0.0, description="0 is by likeness alone; towards 1, unlike what was chosen before."
    )

    @property
    def rules(self) -> Rules:
        """As the domain has them."""
        return Rules(self.per_artist, self.per_album, self.duplicate, self.diversity)


class SimilarParameters(Filters, Shape):
    """Of `GET /v1/tracks/{track_id}/similar`. A word that is none of ours is an error."""

    model_config = ConfigDict(extra="forbid")


class SearchFilter(Filters):
    """Of `POST /v1/search`. A word that is none of ours is an error."""

    model_config = ConfigDict(extra="forbid")


class SearchRequest(Shape):
    """What should sound like these and not like those."""

    model_config = ConfigDict(extra="forbid")

    positive: Examples = Field([], description="Tracks it should sound like.")
    negative: Examples = Field([], description="Tracks it should not sound like.")
    vector: list[Number] | None = Field(
        None,
        min_length=1,
        max_length=limits.LONGEST_VECTOR,
        description="An embedding of the index's space, as one more positive example.",
    )
    strategy: Strategy = Field(
        "average_vector", description="How several examples become one question."
    )
    filter: SearchFilter = SearchFilter()
    cursor: str | None = Field(
        None, max_length=limits.LONGEST_CURSOR, description="`next_cursor` of the page before."
    )

    @model_validator(mode="after")
    def _has_a_direction(self) -> Self:
        if self.strategy == "average_vector" and not self.positive and self.vector is None:
            raise ValueError("average_vector needs a positive track or a vector")
        if not self.positive and not self.negative and self.vector is None:
            raise ValueError("name at least one track, or a vector")
        if self.vector is not None and not np.any(self.vector):
            raise ValueError("vector: not all of its numbers may be 0")
        return self
