"""Answers of the API as frozen dataclasses, with the names of its OpenAPI schemas.

`/docs` on a running server describes every field. What a newer server adds is passed over.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

from soundalike.client.tables import Rows


@dataclass(frozen=True)
class Tag:
    """A tag that the model predicts for the music."""

    word: str
    weight: float


@dataclass(frozen=True)
class Track:
    """A recording in the collection."""

    id: str
    title: str
    artist: str | None
    artists: list[str]
    album: str | None
    genre: str | None
    genres: list[str]
    year: int | None
    duration: float | None
    decoded_share: float | None
    path: str | None
    tags: list[Tag]


@dataclass(frozen=True)
class TrackDetails(Track):
    """A recording, with all that its file's metadata says."""

    file_tags: dict[str, Any]


@dataclass(frozen=True)
class TrackPage(Rows):
    """A page of tracks: the best matches first, then by artist, album and title."""

    items: list[Track]
    next_cursor: str | None
    total: int
    did_you_mean: list[str]


@dataclass(frozen=True)
class SimilarTrack:
    """A result: a track that is similar to the query."""

    rank: int
    score: float
    percentile: float | None
    track: Track


@dataclass(frozen=True)
class SimilarTracks(Rows):
    """A page of the tracks most similar to `track`, best first, without the track itself."""

    items: list[SimilarTrack]
    next_cursor: str | None
    track: Track
    index_version: str


@dataclass(frozen=True)
class SearchResults(Rows):
    """A page of results, best first; the example tracks are left out."""

    items: list[SimilarTrack]
    next_cursor: str | None
    index_version: str


@dataclass(frozen=True)
class UploadResults(Rows):
    """The tracks most similar to the uploaded file, best first."""

    items: list[SimilarTrack]
    index_version: str
    track_id: str
    in_index: bool


@dataclass(frozen=True)
class JourneyStep:
    """A track on a journey."""

    position: int
    score: float
    score_to_previous: float | None
    track: Track


@dataclass(frozen=True)
class Journey(Rows):
    """A journey from one track to another, both included."""

    items: list[JourneyStep]
    index_version: str


@dataclass(frozen=True)
class Failure:
    """A file that failed, and why it is not in the index."""

    path: str
    track_id: str | None
    stage: str
    code: str
    message: str
    attempts: int
    failed_at: dt.datetime
    retry_at: dt.datetime | None


@dataclass(frozen=True)
class FailurePage(Rows):
    """A page of files that failed."""

    items: list[Failure]
    next_cursor: str | None
    total: int


@dataclass(frozen=True)
class Index:
    """The index version that results come from."""

    version: str
    space: str
    model: str
    dimension: int
    kind: str
    tracks: int
    dagster_run_id: str | None
    created_at: dt.datetime
    published_at: dt.datetime


@dataclass(frozen=True)
class Alive:
    """The process is alive."""

    status: Literal["alive"]


@dataclass(frozen=True)
class Ready:
    """Queries can be served now."""

    status: Literal["ready"]
    index_version: str
    problem: str | None
