"""Requests as pydantic models; every field is bounded."""

from typing import Annotated, Self

import numpy as np
from fastapi import Path, Query
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


# PostgreSQL accepts it as a parameter.
StorableText = Annotated[str, AfterValidator(_require_storable)]
Name = Annotated[StorableText, Field(max_length=limits.MAX_NAME_LENGTH)]
TrackIdText = Annotated[StorableText, Field(max_length=limits.MAX_ID_LENGTH, examples=[TRACK_ID])]
Names = Annotated[list[Name], Field(max_length=limits.MAX_NAMES)]
CursorText = Annotated[
    str | None,
    Query(max_length=limits.MAX_CURSOR_LENGTH, description="`next_cursor` of the previous page."),
]
PathTrackId = Annotated[str, Path(description="The track's id.", examples=[TRACK_ID])]
Ids = Annotated[list[TrackIdText], Field(max_length=limits.MAX_IDS)]
Examples = Annotated[list[TrackIdText], Field(max_length=MAX_EXAMPLES)]
Year = Annotated[int, Field(ge=0, le=limits.MAX_YEAR)]
Seconds = Annotated[float, Field(ge=0, le=limits.MAX_TRACK_SECONDS, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Cap = Annotated[int, Field(ge=1, le=MAX_K)]


class Filters(BaseModel):
    """Conditions on the results. All fields that are set must hold."""

    artists: Names = Field(
        [], description="Tracks by any of these artists: whole names, folded as a query."
    )
    albums: Names = Field([], description="Any of these albums: whole names, folded as a query.")
    genres: Names = Field(
        [],
        description="Tracks of any of these genres, from the files' metadata: whole names, folded "
        "as a query.",
    )
    tags: Names = Field([], description="All of these tags, each among the track's five strongest.")
    year_from: Year | None = None
    year_to: Year | None = None
    seconds_from: Seconds | None = Field(
        None, description="Minimum duration in seconds, inclusive."
    )
    seconds_to: Seconds | None = Field(None, description="Maximum duration in seconds, inclusive.")
    path_prefix: StorableText | None = Field(
        None,
        max_length=limits.MAX_PATH_PREFIX_LENGTH,
        description="Start of the track's path, as responses show it.",
    )
    include: Ids = Field([], description="Only these tracks, by id.")
    exclude: Ids = Field([], description="None of these tracks, by id.")

    @property
    def in_catalog(self) -> TrackFilter:
        """The part of the filter that the catalog evaluates; `exclude` is applied to index rows."""
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
    """The number of results, and how similar they may be to each other."""

    k: int = Field(DEFAULT_K, ge=1, le=MAX_K, description="Maximum number of results.")
    per_artist: Cap | None = Field(None, description="Maximum number of results per artist.")
    per_album: Cap | None = Field(None, description="Maximum number of results per album.")
    duplicate: Share | None = Field(
        None,
        description="Leave out near-duplicates: tracks with at least this cosine similarity to an "
        "example or a better result.",
    )
    diversity: Share = Field(
        0.0,
        description="0 ranks by score alone; towards 1, results differ more from better ones.",
    )

    @property
    def rerank_options(self) -> RerankOptions:
        """The options that reranking applies."""
        return RerankOptions(self.per_artist, self.per_album, self.duplicate, self.diversity)


class SimilarParameters(Filters, Shape):
    """Query parameters of `GET /v1/tracks/{track_id}/similar`. Unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid")


class SearchFilter(Filters):
    """The filter of `POST /v1/search`. Unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid")


class SearchRequest(Shape):
    """A query: tracks similar to the positive examples and dissimilar to the negative ones."""

    model_config = ConfigDict(extra="forbid")

    positive: Examples = Field([], description="Ids of tracks that results should sound like.")
    negative: Examples = Field([], description="Ids of tracks that results should not sound like.")
    vector: list[Number] | None = Field(
        None,
        min_length=1,
        max_length=limits.MAX_DIMENSION,
        description="An embedding in the index's space, as one more positive example.",
    )
    strategy: Strategy = Field(
        "average_vector", description="How several examples are combined into one query."
    )
    filter: SearchFilter = SearchFilter()
    cursor: str | None = Field(
        None, max_length=limits.MAX_CURSOR_LENGTH, description="`next_cursor` of the previous page."
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
