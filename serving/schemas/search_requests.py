"""Requests of searches as pydantic models; every field is bounded."""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from serving import limits
from serving.schemas.base import OTHER_TRACK_ID, TRACK_ID
from serving.schemas.filters import Filters, SearchFilter
from serving.schemas.requests import Cursor, Examples, Number, Options, PlaylistParameters
from serving.schemas.strict import StrictBody
from soundalike.vectors.queries import Strategy


class UploadParameters(Filters, Options, PlaylistParameters):
    """Query parameters of `POST /v1/search/audio`."""


class SimilarParameters(Filters, Options, PlaylistParameters):
    """Query parameters of `GET /v1/tracks/{track_id}/similar`."""

    cursor: Cursor = None

    def as_search(self, track_id: str) -> "SearchRequest":
        """Return the same request as a search with one example, whose pages are the same."""
        conditions = {name: getattr(self, name) for name in Filters.model_fields}
        options = {name: getattr(self, name) for name in (*Options.model_fields, "cursor")}
        # Its values are valid already.
        return SearchRequest.model_construct(
            positive=[track_id], filter=SearchFilter.model_construct(**conditions), **options
        )


class SearchRequest(StrictBody, Options):
    """A search: tracks similar to the positive examples and dissimilar to the negative ones."""

    positive: Examples = Field(
        [], description="Ids of tracks that results should sound like.", examples=[[TRACK_ID]]
    )
    negative: Examples = Field(
        [],
        description="Ids of tracks that results should not sound like.",
        examples=[[OTHER_TRACK_ID]],
    )
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
    cursor: Cursor = None

    @model_validator(mode="after")
    def _has_a_direction(self) -> Self:
        if self.strategy == "average_vector" and not self.positive and self.vector is None:
            raise ValueError("average_vector needs a positive track or a vector")
        if not self.positive and not self.negative and self.vector is None:
            raise ValueError("name at least one track, or a vector")
        if self.vector is not None and not np.any(self.vector):
            raise ValueError("vector: not all of its numbers may be 0")
        return self


class BatchRequest(StrictBody):
    """Several searches at once."""

    searches: list[SearchRequest] = Field(
        min_length=1,
        max_length=limits.MAX_SEARCHES,
        description="Bodies of `POST /v1/search`; their `limit`s may sum up to "
        f"{limits.MAX_BATCH_RESULTS}.",
    )

    @model_validator(mode="after")
    def _asks_for_not_too_much(self) -> Self:
        wanted = sum(search.limit for search in self.searches)
        if wanted > limits.MAX_BATCH_RESULTS:
            raise ValueError(
                f"the searches ask for {wanted} results together; a batch has at most "
                f"{limits.MAX_BATCH_RESULTS}"
            )
        return self


SEARCH_EXAMPLES = {
    "one track": {"value": {"positive": [TRACK_ID], "limit": 5}},
    "several tracks": {
        "value": {
            "positive": [TRACK_ID],
            "negative": [OTHER_TRACK_ID],
            "strategy": "best_score",
            "per_artist": 2,
            "duplicate_threshold": 0.98,
        }
    },
    "within a filter": {
        "value": {
            "positive": [TRACK_ID],
            "filter": {"genres": ["Fado", "Folk"], "year_from": 1959, "tags_all": ["acoustic"]},
        }
    },
}
BATCH_EXAMPLES = {
    "two searches": {
        "value": {
            "searches": [
                {"positive": [TRACK_ID], "limit": 5},
                {"positive": [OTHER_TRACK_ID], "limit": 5, "per_artist": 1},
            ]
        }
    }
}
