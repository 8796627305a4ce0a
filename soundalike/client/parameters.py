"""Parameters that several operations take, by their names in docs/api.md."""

from collections.abc import Sequence
from typing import TypedDict


class FilterOptions(TypedDict, total=False):
    """Conditions on tracks; a list holds for a track with any of its values, except `tags_all`."""

    artists: Sequence[str]
    albums: Sequence[str]
    genres: Sequence[str]
    tags: Sequence[str]
    tags_all: Sequence[str]
    year_from: int
    year_to: int
    duration_from: float
    duration_to: float
    roots: Sequence[str]
    paths: Sequence[str]
    path_prefix: str
    musicbrainz_ids: Sequence[str]
    isrcs: Sequence[str]
    ids: Sequence[str]
    exclude_ids: Sequence[str]


class FailureOptions(TypedDict, total=False):
    """Conditions on files that failed."""

    codes: Sequence[str]
    stages: Sequence[str]
    path_prefix: str


class PageOptions(TypedDict, total=False):
    """The number of items, and the page that they are on."""

    limit: int
    cursor: str


class RankingOptions(TypedDict, total=False):
    """The number of results, and how similar they may be to the examples and to each other."""

    limit: int
    per_artist: int
    per_album: int
    score_threshold: float
    duplicate_threshold: float
    diversity: float


class ShownTagsOptions(TypedDict, total=False):
    """The choice of all tags of each track, and not only of the five strongest."""

    all_tags: bool


class FailureListOptions(FailureOptions, PageOptions):
    """Parameters of a list of failures."""


class FacetOptions(FilterOptions, PageOptions, total=False):
    """Parameters of a list of the values that tracks have."""

    q: str


class TrackListOptions(FacetOptions, ShownTagsOptions):
    """Parameters of a list of tracks."""


class UploadOptions(FilterOptions, RankingOptions, ShownTagsOptions):
    """Parameters of a search by audio."""


class SimilarOptions(UploadOptions, total=False):
    """Parameters of a search by one track."""

    cursor: str


class SearchOptions(SimilarOptions, total=False):
    """Parameters of a search by examples."""

    positive: Sequence[str]
    negative: Sequence[str]
    vector: Sequence[float]
    strategy: str
