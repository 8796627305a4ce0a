"""The base of the responses, and the ids of the examples."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

TRACK_ID = "9f86d081884c7d659a2feaa0c55ad015"
OTHER_TRACK_ID = "2c26b46b68ffc68ff99b453c1d304134"

TrackId = Annotated[
    str,
    Field(
        description="Hash of the track's audio; editing the file's metadata does not change it.",
        examples=[TRACK_ID],
    ),
]


class ResponseModel(BaseModel):
    """Base of all responses: immutable, created from an object's attributes or from arguments."""

    model_config = ConfigDict(frozen=True, from_attributes=True)
