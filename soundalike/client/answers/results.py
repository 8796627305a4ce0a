"""Answers of searches and journeys, as frozen dataclasses."""

from dataclasses import dataclass

from soundalike.client.answers.tracks import Track
from soundalike.client.tables import Rows


@dataclass(frozen=True)
class SimilarTrack:
    """A result: a track that is similar to the query."""

    rank: int
    score: float
    percentile: float | None
    track: Track


@dataclass(frozen=True)
class RemovedTracks:
    """Numbers of tracks of the index that each rule left out, each track under the first one."""

    filter: int
    exclude_ids: int
    score_threshold: int
    no_file: int
    duplicate_threshold: int
    per_artist: int
    per_album: int


@dataclass(frozen=True)
class SimilarTracks(Rows):
    """A page of the tracks most similar to `track`, best first, without the track itself."""

    items: list[SimilarTrack]
    next_cursor: str | None
    track: Track
    index_version: str
    removed: RemovedTracks
    certain: bool


@dataclass(frozen=True)
class SearchResults(Rows):
    """A page of results, best first; the example tracks are left out."""

    items: list[SimilarTrack]
    next_cursor: str | None
    index_version: str
    removed: RemovedTracks
    certain: bool


@dataclass(frozen=True)
class UploadResults(Rows):
    """The tracks most similar to the uploaded file, best first."""

    items: list[SimilarTrack]
    index_version: str
    track_id: str
    in_index: bool
    vector: list[float]
    removed: RemovedTracks
    certain: bool


@dataclass(frozen=True)
class BatchPage(Rows):
    """The page of one search of a batch."""

    items: list[SimilarTrack]
    next_cursor: str | None
    removed: RemovedTracks
    certain: bool


@dataclass(frozen=True)
class BatchResults:
    """A page for each search, in their order, all of one index version."""

    items: list[BatchPage]
    index_version: str


@dataclass(frozen=True)
class JourneyStep:
    """A track on a journey."""

    position: int
    score: float
    score_to_previous: float | None
    track: Track


@dataclass(frozen=True)
class RemovedFromJourney:
    """Numbers of tracks that were nearer than the chosen ones, by what left them out."""

    no_file: int
    per_artist: int


@dataclass(frozen=True)
class Journey(Rows):
    """A journey from one track to another, both included."""

    items: list[JourneyStep]
    index_version: str
    removed: RemovedFromJourney
    certain: bool
