"""Responses as pydantic models: the source of /docs and of clients generated from it."""

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import Field

from serving.schemas.base import ResponseModel, TrackId


class Tag(ResponseModel):
    """A tag that the model predicts for the music."""

    word: str = Field(examples=["acoustic"])
    weight: float = Field(description="Strength of the tag, 0 to 1.", examples=[0.71])


RootName = Annotated[
    str | None,
    Field(
        description="Name of the music root that the file is in; `GET /v1/roots` lists them. Null "
        "while no file in the collection contains the track.",
        examples=["music"],
    ),
]
RelativePath = Annotated[
    str | None,
    Field(
        description="Path relative to its music root; bytes that are not UTF-8 are escaped "
        "(`caf\\xe9.mp3`). Null while no file in the collection contains the track.",
        examples=["Ana Lua/Marés/03 Saudade.flac"],
    ),
]
Location = Annotated[
    str | None,
    Field(
        description="Absolute path on the server, or URL in a bucket; null for clients that "
        "SOUNDALIKE_SHOW_PATHS does not tell.",
        examples=["/srv/music/Ana Lua/Marés/03 Saudade.flac"],
    ),
]


class TrackFile(ResponseModel):
    """A file that contains the track."""

    root: RootName
    path: RelativePath
    location: Location = None


class Track(ResponseModel):
    """A recording in the collection."""

    id: TrackId
    title: str = Field(examples=["Saudade"])
    artist: str | None = Field(
        description="As the file's metadata has it; several are joined with `; `.",
        examples=["Ana Lua feat. Rui"],
    )
    artists: list[str] = Field(description="Each artist.", examples=[["Ana Lua", "Rui"]])
    album: str | None = Field(examples=["Marés"])
    genre: str | None = Field(
        description="From the file's metadata; several are joined with `; `.",
        examples=["Fado; Folk"],
    )
    genres: list[str] = Field(description="Each genre.", examples=[["Fado", "Folk"]])
    year: int | None = Field(examples=[2011])
    duration: float | None = Field(description="Duration in seconds.", examples=[214.3])
    decoded_share: float | None = Field(
        description="Share of the audio that could be decoded, 0 to 1; null if unknown.",
        examples=[1.0],
    )
    root: RootName
    path: RelativePath
    location: Location = None
    tags: list[Tag] = Field(
        description="The five strongest, with `all_tags` all; empty for models that predict none."
    )


class TrackDetails(Track):
    """A recording, with all its files, and all that the first one's metadata says."""

    files: list[TrackFile] = Field(description="Every file that contains it, the shown one first.")
    file_tags: dict[str, Any] = Field(
        description="All else that the file's metadata says; docs/library.md lists the fields.",
        examples=[{"album_artists": ["Ana Lua"], "track": 3, "original_date": "2009-11"}],
    )


class TrackPage(ResponseModel):
    """A page of tracks: the best matches first, then by artist, album and title."""

    items: list[Track]
    next_cursor: str | None = Field(description="Send it as `cursor`; null on the last page.")
    total: int = Field(description="Number of matching tracks over all pages.", examples=[28])
    did_you_mean: list[str] = Field(description="Names that are nearly `q`, if nothing matches.")


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


class Failure(ResponseModel):
    """A file that failed, and why it is not in the index."""

    root: str = Field(description="Name of the file's music root.", examples=["music"])
    path: str = Field(
        description="Path relative to its music root.", examples=["Ana Lua/03 Saudade.flac"]
    )
    track_id: TrackId | None = Field(description="Null if no audio could be read.")
    stage: str = Field(description="The stage that failed.", examples=["resampled_audio"])
    code: str = Field(
        description="Code for programs; docs/operations.md lists all.", examples=["silent"]
    )
    message: str = Field(description="Message for users.", examples=["the file is empty (0 bytes)"])
    attempts: int = Field(examples=[2])
    failed_at: dt.datetime
    retry_at: dt.datetime | None = Field(
        description="Time of the next attempt; null if the file is retried only on request or "
        "after it changes."
    )


class FailurePage(ResponseModel):
    """A page of files that failed."""

    items: list[Failure]
    next_cursor: str | None = Field(description="Send it as `cursor`; null on the last page.")
    total: int = Field(description="Number of failures over all pages.", examples=[3])


class Retry(ResponseModel):
    """The failures that are retried: at once by an ingest, within a minute by `soundalike up`."""

    retried: int = Field(description="Number of failures that are due now.", examples=[2])
    total: int = Field(
        description="Number of failures that the filter selects, transient or not.", examples=[3]
    )


class SearchResults(ResponseModel):
    """A page of results, best first; the example tracks are left out."""

    index_version: str = Field(examples=["3fd0c9a7b2e1"])
    items: list[SimilarTrack]
    next_cursor: str | None = Field(description="Send it as `cursor`; null on the last page.")
    removed: RemovedTracks


class BatchPage(ResponseModel):
    """The page of one search of a batch."""

    items: list[SimilarTrack]
    next_cursor: str | None = Field(
        description="Send it as `cursor` of the same search; null on the last page."
    )
    removed: RemovedTracks


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


class Index(ResponseModel):
    """The index version that results come from."""

    version: str = Field(examples=["3fd0c9a7b2e1"])
    space: str = Field(description="The embedding space.", examples=["musicnn-msd-1f0c33aa"])
    model: str = Field(examples=["musicnn-msd"])
    dimension: int = Field(examples=[512])
    kind: str = Field(examples=["flat"])
    tracks: int = Field(examples=[28])
    dagster_run_id: str | None = Field(description="The Dagster run that built it.")
    created_at: dt.datetime
    published_at: dt.datetime


class Publication(ResponseModel):
    """The index version that is published now; workers serve it within seconds."""

    version: str = Field(examples=["3fd0c9a7b2e1"])
    tracks: int = Field(examples=[28])
    replaces: str | None = Field(
        description="The version that was published before; null for the first."
    )
    pinned: bool = Field(
        description="Whether it was named, and so stays when the library gets a newer one."
    )


class Alive(ResponseModel):
    """The process is alive."""

    status: Literal["alive"] = "alive"


class Pipeline(ResponseModel):
    """The state of ingestion: what is left to do, and whether anybody does it."""

    state: Literal["idle", "working", "waiting", "stuck"] = Field(
        description="`idle`: nothing is left to do. `working`: a run is at work. `waiting`: "
        "work is left, and will be done soon. `stuck`: none was done for 15 minutes."
    )
    pending_batches: int = Field(description="Batches with work left.")
    batches_at_work: int
    last_progress_at: dt.datetime | None = Field(
        description="When a batch was last sealed, done or failed: `stuck` since then."
    )


class Ready(ResponseModel):
    """Queries can be served now."""

    status: Literal["ready"] = "ready"
    index_version: str = Field(examples=["3fd0c9a7b2e1"])
    problem: str | None = Field(
        description="Why the version published last is not the served one, or null."
    )
