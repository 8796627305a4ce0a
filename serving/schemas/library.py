"""Responses about the collection as a whole: its music roots."""

import datetime as dt
from typing import Literal

from pydantic import Field

from serving.schemas.base import ResponseModel
from serving.schemas.responses import Location


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
