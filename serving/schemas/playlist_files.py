"""Requests for playlist files."""

from typing import Annotated, Literal

from pydantic import Field

from serving import limits
from serving.schemas.base import OTHER_TRACK_ID, TRACK_ID
from serving.schemas.filters import StorableText, TrackIdText
from serving.schemas.requests import Base
from serving.schemas.strict import StrictBody


class PlaylistRequest(StrictBody):
    """The tracks of a playlist, in their order, and the form of its file."""

    ids: Annotated[list[TrackIdText], Field(max_length=limits.MAX_IDS)]
    title: Annotated[StorableText, Field(max_length=limits.MAX_TEXT_LENGTH)] = "soundalike"
    format: Literal["m3u8", "jspf"] = "m3u8"
    base: Base = ""


PLAYLIST_EXAMPLES = {
    "two tracks": {"value": {"title": "Evening", "ids": [OTHER_TRACK_ID, TRACK_ID]}},
    "as JSPF": {"value": {"title": "Evening", "ids": [TRACK_ID], "format": "jspf"}},
}
