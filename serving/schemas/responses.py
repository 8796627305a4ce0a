"""What the API answers, as pydantic models: the source of /docs and of the clients made from it."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

TRACK_ID = "9f86d081884c7d659a2feaa0c55ad015"

TrackId = Annotated[
    str, Field(description="Hash of the track's audio, unchanged by tags.", examples=[TRACK_ID])
]


class Answer(BaseModel):
    """Base of all answers: made once, from an object's attributes or from arguments."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Tag(Answer):
    """A tag that the model predicts for the music."""

    word: str = Field(examples=["acoustic"])
    weight: float = Field(description="How strongly, 0 to 1.", examples=[0.71])


class Track(Answer):
    """A recording in the collection."""

    id: TrackId
    title: str = Field(examples=["Saudade"])
    artist: str | None = Field(examples=["Ana Lua"])
    album: str | None = Field(examples=["Marés"])
    genre: str | None = Field(description="As the file's own tags have it.", examples=["Fado"])
    year: int | None = Field(examples=[2011])
    duration: float | None = Field(description="Seconds.", examples=[214.3])
    decoded_share: float | None = Field(
        description="How much of its audio is not broken, 0 to 1; null if that is not known.",
        examples=[1.0],
    )
    path: str | None = Field(
        description="Relative to its music folder; bytes that are not UTF-8 are escaped "
        "(`caf\\xe9.mp3`). Null while no file of the collection holds the track.",
        examples=["Ana Lua/Marés/03 Saudade.flac"],
    )
    tags: list[Tag] = Field(description="Empty for models that name none.")


class TrackPage(Answer):
    """Tracks by artist, album and title, a page at a time."""

    items: list[Track]
    next_cursor: str | None = Field(description="Give it as `cursor`; null on the last page.")
    total: int = Field(description="Matches over all pages.", examples=[28])


class SimilarTrack(Answer):
    """One answer to what sounds like the query."""

    rank: int = Field(description="1 is the most similar.", examples=[1])
    score: float = Field(description="Cosine similarity, -1 to 1.", examples=[0.93])
    percentile: float | None = Field(
        description="How many percent of all pairs of tracks of the collection are less alike.",
        examples=[99.87],
    )
    track: Track


class SimilarTracks(Answer):
    """What sounds like `query`, best first, itself left out."""

    query: Track
    index_version: str = Field(examples=["3fd0c9a7b2e1"])
    results: list[SimilarTrack]


class Failure(Answer):
    """Why a file is not in the index."""

    path: str = Field(
        description="Relative to its music folder.", examples=["Ana Lua/03 Saudade.flac"]
    )
    track_id: TrackId | None = Field(description="Null if no audio could be read.")
    stage: str = Field(description="Where it did not get through.", examples=["resampled_audio"])
    code: str = Field(description="For programs; docs/operations.md has all.", examples=["silent"])
    message: str = Field(description="For people.", examples=["the file is empty (0 bytes)"])
    attempts: int = Field(examples=[2])
    failed_at: dt.datetime
    retry_at: dt.datetime | None = Field(
        description="When it is tried again; null if only once it changes, or somebody asks."
    )


class FailurePage(Answer):
    """Files that did not get through, a page at a time."""

    items: list[Failure]
    next_cursor: str | None = Field(description="Give it as `cursor`; null on the last page.")
    total: int = Field(description="Failures over all pages.", examples=[3])


class SearchResults(Answer):
    """A page of what sounds like the question, best first; its own tracks are left out."""

    index_version: str = Field(examples=["3fd0c9a7b2e1"])
    results: list[SimilarTrack]
    next_cursor: str | None = Field(description="Give it as `cursor`; null on the last page.")


class UploadResults(Answer):
    """What sounds like the file that was sent, best first."""

    index_version: str = Field(examples=["3fd0c9a7b2e1"])
    track_id: TrackId
    in_index: bool = Field(description="Whether the collection has the same audio.")
    results: list[SimilarTrack]


class PathStep(Answer):
    """A track of a path."""

    position: int = Field(description="1 is the start.", examples=[2])
    nearness: float = Field(description="Cosine with its point on the way.", examples=[0.97])
    from_previous: float | None = Field(
        description="Cosine with the step before; null for the first.", examples=[0.91]
    )
    track: Track


class TrackPath(Answer):
    """From one track to another, both included."""

    index_version: str = Field(examples=["3fd0c9a7b2e1"])
    steps: list[PathStep]


class Index(Answer):
    """The index that answers come from."""

    version: str = Field(examples=["3fd0c9a7b2e1"])
    space: str = Field(description="The embedding space.", examples=["musicnn-msd-1f0c33aa"])
    model: str = Field(examples=["musicnn-msd"])
    dimension: int = Field(examples=[512])
    kind: str = Field(examples=["flat"])
    tracks: int = Field(examples=[28])
    dagster_run_id: str | None = Field(description="The run that built it.")
    created_at: dt.datetime
    published_at: dt.datetime


class Alive(Answer):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(Answer):
    """Questions can be answered now."""

    status: Literal["ready"] = "ready"
    index_version: str = Field(examples=["3fd0c9a7b2e1"])
    problem: str | None = Field(
        description="Why the version published last is not the one that is served, or null."
    )


class FieldProblem(Answer):
    """What is wrong with one part of a request."""

    field: str = Field(examples=["query.k"])
    message: str = Field(examples=["Input should be less than or equal to 200"])


class ProblemDetails(Answer):
    """Every error: RFC 9457, as application/problem+json."""

    type: str = Field(
        description="What kind of problem, for programs; about:blank where the status says it all.",
        examples=["urn:soundalike:problem:unknown-track"],
    )
    title: str = Field(examples=["Unknown track"])
    status: int = Field(examples=[404])
    detail: str = Field(description="What happened and what to do next, for people.")
    instance: str = Field(examples=[f"/v1/tracks/{TRACK_ID}"])
    correlation_id: str | None = Field(description="X-Request-ID of the request, as in the logs.")
    errors: list[FieldProblem] | None = Field(
        None, description="With status 422: which fields are wrong."
    )
