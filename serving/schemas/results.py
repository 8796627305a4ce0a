"""Results of searches and journeys in responses, as pydantic models."""

from typing import Annotated

from pydantic import Field

from serving.schemas.base import ResponseModel, TrackId
from serving.schemas.tracks import Track

Certain = Annotated[
    bool,
    Field(
        description="Whether it is proven that no better track was missed. Of a large index some "
        "may be: it is measured before it is published, and nearly all are found.",
        examples=[True],
    ),
]


class SimilarTrack(ResponseModel):
    """A result: a track that is similar to the query."""

    rank: int = Field(description="1 is the most similar.", examples=[1])
    score: float = Field(
        description="Cosine similarity, -1 to 1; with `best_score` and negative examples, what "
        "that strategy defines.",
        examples=[0.93],
    )
    percentile: float | None = Field(
        description="Percentage of all pairs of tracks in the collection that are less similar; "
        "null if the score is not a cosine, or there is only one track.",
        examples=[99.87],
    )
    track: Track


class RemovedTracks(ResponseModel):
    """Numbers of tracks of the index that each rule left out, each track under the first one.

    They are those that would rank above the end of this page, and on the last page all that were
    looked at: a list that is shorter than `limit` is explained by them.
    """

    filter: int = Field(description="Tracks that do not meet the filter.", examples=[9])
    exclude_ids: int = Field(description="Tracks of `exclude_ids`.", examples=[0])
    score_threshold: int = Field(
        description="Tracks below `score_threshold`; they are counted on the last page.",
        examples=[0],
    )
    no_file: int = Field(
        description="Tracks whose file left the collection since the index was built.",
        examples=[0],
    )
    duplicate_threshold: int = Field(description="Near-duplicates.", examples=[1])
    per_artist: int = Field(description="Tracks whose artist has its share.", examples=[3])
    per_album: int = Field(description="Tracks whose album has its share.", examples=[0])


class SimilarTracks(ResponseModel):
    """A page of the tracks most similar to `track`, best first, without the track itself."""

    track: Track
    index_version: str = Field(examples=["3fd0c9a7b2e1"])
    items: list[SimilarTrack]
    next_cursor: str | None = Field(description="Send it as `cursor`; null on the last page.")
    removed: RemovedTracks
    certain: Certain


class SearchResults(ResponseModel):
    """A page of results, best first; the example tracks are left out."""

    index_version: str = Field(examples=["3fd0c9a7b2e1"])
    items: list[SimilarTrack]
    next_cursor: str | None = Field(description="Send it as `cursor`; null on the last page.")
    removed: RemovedTracks
    certain: Certain


class BatchPage(ResponseModel):
    """The page of one search of a batch."""

    items: list[SimilarTrack]
    next_cursor: str | None = Field(
        description="Send it as `cursor` of the same search; null on the last page."
    )
    removed: RemovedTracks
    certain: Certain


class BatchResults(ResponseModel):
    """A page for each search, in their order, all of one index version."""

    index_version: str = Field(examples=["3fd0c9a7b2e1"])
    items: list[BatchPage]


class UploadResults(ResponseModel):
    """The tracks most similar to the uploaded file, best first."""

    index_version: str = Field(examples=["3fd0c9a7b2e1"])
    track_id: TrackId
    in_index: bool = Field(description="Whether the index contains the same audio.")
    vector: list[float] = Field(
        description="The file's embedding, of length 1: `vector` of further searches, which need "
        "no second upload.",
        examples=[[0.6, 0.8]],
    )
    items: list[SimilarTrack]
    removed: RemovedTracks
    certain: Certain


class JourneyStep(ResponseModel):
    """A track on a journey."""

    position: int = Field(description="1 is the start.", examples=[2])
    score: float = Field(
        description="Cosine similarity to its point on the arc between both ends.", examples=[0.97]
    )
    score_to_previous: float | None = Field(
        description="Cosine similarity to the previous step; null for the first.", examples=[0.91]
    )
    track: Track


class RemovedFromJourney(ResponseModel):
    """Numbers of tracks that were nearer to a point than the chosen one, by what left them out."""

    no_file: int = Field(
        description="Tracks whose file left the collection since the index was built.",
        examples=[0],
    )
    per_artist: int = Field(description="Tracks whose artist has its share.", examples=[2])


class Journey(ResponseModel):
    """A journey from one track to another, both included."""

    index_version: str = Field(examples=["3fd0c9a7b2e1"])
    items: list[JourneyStep]
    removed: RemovedFromJourney
    certain: Certain
