"""The state of the service in responses, as pydantic models: index, failures, pipeline, health."""

import datetime as dt
from typing import Literal

from pydantic import Field

from serving.schemas.base import ResponseModel, TrackId


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
