"""Responses about the collection as a whole: its music roots, facets and statistics."""

import datetime as dt
from typing import Literal

from pydantic import Field

from serving.schemas.base import ResponseModel
from serving.schemas.tracks import Location


class RootSummary(ResponseModel):
    """A folder or bucket of music."""

    name: str = Field(
        description="The name in `root` of tracks and files. It stays when the folder is moved.",
        examples=["music"],
    )
    kind: Literal["folder", "bucket"]
    location: Location = None
    tracks: int = Field(description="Number of tracks with a file in it.", examples=[28])
    files: int = Field(
        description="Number of files that the last scan listed; some may have failed.",
        examples=[29],
    )
    scanned_at: dt.datetime | None = Field(description="The last scan; null before the first.")
    problems: list[str] = Field(
        description="Problems that the last scan had.",
        examples=[["Ana Lua/: Permission denied"]],
    )


class RootList(ResponseModel):
    """All music roots of the collection, oldest first."""

    items: list[RootSummary]
    total: int = Field(description="Number of music roots.", examples=[1])


class FacetItem(ResponseModel):
    """A value of the facet, and the number of matching tracks that have it."""

    value: str = Field(
        description="As it is written; a folder's is a `path_prefix`.", examples=["Fado"]
    )
    root: str | None = Field(description="A folder's music root; null for other facets.")
    tracks: int = Field(examples=[12])


class FacetPage(ResponseModel):
    """A page of values: those of most tracks first."""

    items: list[FacetItem]
    next_cursor: str | None = Field(description="Send it as `cursor`; null on the last page.")
    total: int = Field(description="Number of different values over all pages.", examples=[7])


class CodecShare(ResponseModel):
    """An audio codec, and the number of tracks that have it."""

    codec: str = Field(examples=["flac"])
    tracks: int = Field(examples=[28])


class Stats(ResponseModel):
    """Numbers of the collection."""

    tracks: int = Field(description="Tracks that have a file.", examples=[28])
    files: int = Field(description="Files that the last scan listed.", examples=[30])
    hours: float = Field(description="Hours of audio of the tracks.", examples=[1.7])
    space: str | None = Field(
        description="The collection's embedding space; null before the first ingest.",
        examples=["musicnn-msd-1f0c33aa"],
    )
    embedded: int = Field(description="Tracks that have a vector in `space`.", examples=[27])
    pending_tracks: int = Field(description="Tracks that wait for a vector.", examples=[1])
    pending_files: int = Field(description="Files that wait to be read.", examples=[0])
    failed_files: int = Field(
        description="Files that failed; `GET /v1/failures` lists them.", examples=[2]
    )
    excluded_files: int = Field(
        description="Files whose length the settings leave out.", examples=[0]
    )
    codecs: list[CodecShare] = Field(description="Tracks by codec, most first.")
    index_version: str | None = Field(
        description="The served index version; null if none is.", examples=["3fd0c9a7b2e1"]
    )
    indexed: int = Field(description="Tracks in that version.", examples=[27])
