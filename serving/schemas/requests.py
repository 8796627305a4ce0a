"""Requests as pydantic models: everything has a bound."""

from typing import Annotated, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from serving import limits
from serving.schemas.responses import TRACK_ID
from soundalike.catalog import tracks
from soundalike.catalog.filters import TrackFilter
from soundalike.vectors.limits import DEFAULT_K, MAX_EXAMPLES, MAX_K
from soundalike.vectors.queries import Strategy
from soundalike.vectors.rerank import RerankOptions


def _require_storable(text: str) -> str:
    if not tracks.storable(text):
        raise ValueError("must be text without NUL characters")
    return text


StorableText = Annotated[str, AfterValidator(_require_storable)]  # Postgres can be asked about it
Name = Annotated[StorableText, Field(max_length=limits.MAX_NAME_LENGTH)]
TrackId = Annotated[StorableText, Field(max_length=limits.MAX_ID_LENGTH, examples=[TRACK_ID])]
Names = Annotated[list[Name], Field(max_length=limits.MAX_NAMES)]
Ids = Annotated[list[TrackId], Field(max_length=limits.MAX_IDS)]
Examples = Annotated[list[TrackId], Field(max_length=MAX_EXAMPLES)]
Year = Annotated[int, Field(ge=0, le=limits.MAX_YEAR)]
Seconds = Annotated[float, Field(ge=0, le=limits.MAX_TRACK_SECONDS, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Cap = Annotated[int, Field(ge=1, le=MAX_K)]


class Filters(BaseModel):
    """What answers must be. Each part that is given must hold."""

    artists: Names = Field([], description="Any of these, whole names in any case.")
    albums: Names = Field([], description="Any of these.")
    genres: Names = Field([], description="Any of these, as the files' own tags have them.")
    tags: Names = Field([], description="All of these, each among the track's five strongest tags.")
    year_from: Year | None = None
    year_to: Year | None = None
    seconds_from: Seconds | None = Field(None, description="The shortest track.")
    seconds_to: Seconds | None = Field(None, description="The longest track.")
    path_prefix: StorableText | None = Field(
        None, max_length=limits.MAX_PATH_LENGTH, description="Start of its path, as shown."
    )
    include: Ids = Field([], description="Only these tracks.")
    exclude: Ids = Field([], description="None of these tracks.")

    @property
    def in_catalog(self) -> TrackFilter:
        """The part of the filter that the catalog decides; `exclude` is a matter of rows."""
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

    k: int = Field(DEFAULT_K, ge=1, le=MAX_K, description="How many at most.")
    per_artist: Cap | None = Field(None, description="At most that many of one artist.")
    per_album: Cap | None = Field(None, description="At most that many of one album.")
    duplicate: Share | None = Field(
        None, description="Leave out what has this cosine or more with an example or a better hit."
    )
    diversity: Share = Field(
        0.0, description="0 is by likeness alone; towards 1, unlike what was chosen before."
    )

    @property
    def rerank_options(self) -> RerankOptions:
        """The part that reranking decides."""
        return RerankOptions(self.per_artist, self.per_album, self.duplicate, self.diversity)


class SimilarParameters(Filters, Shape):
    """Query parameters of `GET /v1/tracks/{track_id}/similar`. Unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid")


class SearchFilter(Filters):
    """The filter of `POST /v1/search`. Unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid")


class SearchRequest(Shape):
    """What should sound like these and not like those."""

    model_config = ConfigDict(extra="forbid")

    positive: Examples = Field([], description="Tracks it should sound like.")
    negative: Examples = Field([], description="Tracks it should not sound like.")
    vector: list[Number] | None = Field(
        None,
        min_length=1,
        max_length=limits.MAX_DIMENSION,
        description="An embedding of the index's space, as one more positive example.",
    )
    strategy: Strategy = Field(
        "average_vector", description="How several examples become one question."
    )
    filter: SearchFilter = SearchFilter()
    cursor: str | None = Field(
        None, max_length=limits.MAX_CURSOR_LENGTH, description="`next_cursor` of the page before."
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
