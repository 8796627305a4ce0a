"""Error responses as pydantic models: RFC 9457 problems."""

from typing import Literal

from pydantic import Field

from serving.problems import PROBLEM_TYPES, urn
from serving.schemas.base import TRACK_ID, ResponseModel


class FieldProblem(ResponseModel):
    """An invalid part of a request, and what is wrong with it."""

    location: Literal["path", "query", "header", "body"] = Field(
        description="The part of the request.", examples=["query"]
    )
    field: str = Field(
        description="The parameter's name; in a body a JSON Pointer (RFC 6901), empty for the "
        "whole body.",
        examples=["limit", "/filter/year_from"],
    )
    message: str = Field(examples=["Input should be less than or equal to 200"])


class ProblemDetails(ResponseModel):
    """An error: an RFC 9457 problem, sent as application/problem+json."""

    type: str = Field(
        description="Type of the problem, for programs.",
        examples=[urn("unknown-track")],
        json_schema_extra={"enum": [urn(kind) for kind in PROBLEM_TYPES]},
    )
    title: str = Field(examples=["Unknown track"])
    status: int = Field(examples=[404])
    detail: str = Field(description="Message for users: what happened and what to do next.")
    instance: str | None = Field(
        None,
        description="The request's path, if that much of it could be read.",
        examples=[f"/v1/tracks/{TRACK_ID}"],
    )
    correlation_id: str | None = Field(
        None, description="X-Request-ID of the request; the logs have it too."
    )
    code: str | None = Field(
        None,
        description="With `unusable-audio`: the reason, as in the list of failures.",
        examples=["playlist"],
    )
    errors: list[FieldProblem] | None = Field(
        None, description="With `invalid-request`: the first invalid fields."
    )
