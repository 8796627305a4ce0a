"""Responses about a track's vector: its numbers, and where they come from."""

import datetime as dt

from pydantic import Field

from serving.schemas.base import ResponseModel, TrackId
from serving.schemas.state import Index

SPACE_KEY = "musicnn-msd-1f0c33aa"


class TrackEmbedding(ResponseModel):
    """A track's vector in the served index, of length 1."""

    track_id: TrackId
    index_version: str = Field(examples=["3fd0c9a7b2e1"])
    space: str = Field(description="The embedding space.", examples=[SPACE_KEY])
    model: str = Field(examples=["musicnn-msd"])
    dimension: int = Field(examples=[512])
    vector: list[float] = Field(
        description="float32 numbers; their squares sum up to 1.", examples=[[0.6, 0.8]]
    )


class EmbeddingOrigin(ResponseModel):
    """The origin of a track's vector in one space."""

    space: str = Field(description="The embedding space.", examples=[SPACE_KEY])
    model: str | None = Field(
        description="Null before an index of the space was built.", examples=["musicnn-msd"]
    )
    parameters: dict[str, str | int | float] | None = Field(
        description="All that a vector depends on beside the audio: windows, sample rate, weights. "
        "Null for spaces other than the served index's.",
        examples=[{"windows": "balanced", "sample_rate": 16000}],
    )
    batch: str = Field(description="The batch whose .npy holds it.", examples=["b000001"])
    row: int = Field(description="Its row there.", examples=[17])
    sha256: str | None = Field(
        description="SHA-256 of that file; null while it is lost and waits to be made again.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    )
    embedded_at: dt.datetime | None = Field(description="Null where `sha256` is.")
    dagster_run_id: str | None = Field(
        description="The Dagster run that wrote the file last; null if none is recorded.",
        examples=["0b7ad1f2-5f0f-4a4e-9a36-0f6f0c5b8f11"],
    )
    in_index: bool = Field(description="Whether the served index was built from this very file.")


class Lineage(ResponseModel):
    """The origin of a track and of its vectors."""

    track_id: TrackId
    batch: str = Field(
        description="The batch that it was first identified in.", examples=["b000001"]
    )
    sealed_at: dt.datetime = Field(description="The scan that made the batch.")
    identified_at: dt.datetime = Field(description="The time when it came into the catalog.")
    embeddings: list[EmbeddingOrigin] = Field(description="One for each space.")
    index: Index | None = Field(
        description="The served index, with the run that built it; null if it lacks the track."
    )
