"""Errors of the client: one class for each status that the API answers problems with."""

from dataclasses import dataclass
from typing import Any, ClassVar

import httpx2
from pydantic import BaseModel, ValidationError

from soundalike.errors import SoundalikeError

URN = "urn:soundalike:problem:"


class ApiError(SoundalikeError):
    """The base of everything that a call raises."""


class Unreachable(ApiError):
    """The server does not respond, or the connection broke."""


class UnexpectedAnswer(ApiError):
    """The response is none of soundalike's, or of another version."""


@dataclass(frozen=True)
class InvalidField:
    """An invalid part of a request: `path`, `query`, `header` or `body`, its name, and why."""

    location: str
    field: str
    message: str


class ProblemBody(BaseModel):
    """The body of an RFC 9457 problem."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    correlation_id: str | None = None
    code: str | None = None
    errors: list[InvalidField] | None = None


class ProblemError(ApiError):
    """A problem that the API answered with; `kind` is what docs/api.md lists."""

    statuses: ClassVar[dict[int, type["ProblemError"]]] = {}

    def __init_subclass__(cls, *, status: int, **options: Any) -> None:  # noqa: ANN401 - passed on
        super().__init_subclass__(**options)
        ProblemError.statuses[status] = cls

    def __init__(self, body: ProblemBody, request_id: str | None = None) -> None:
        super().__init__(f"{body.title}: {body.detail}")
        self.type = body.type
        self.kind = body.type.removeprefix(URN)
        self.title = body.title
        self.status = body.status
        self.detail = body.detail
        self.code = body.code
        self.errors = tuple(body.errors or ())
        self.request_id = body.correlation_id or request_id


class BadRequest(ProblemError, status=400):
    """The request cannot be read."""


class Unauthorized(ProblemError, status=401):
    """The API key is missing or wrong."""


class Forbidden(ProblemError, status=403):
    """The server does not let this client in."""


class NotFound(ProblemError, status=404):
    """There is no such track, or no such route."""


class MethodNotAllowed(ProblemError, status=405):
    """The route has other methods."""


class RequestTooSlow(ProblemError, status=408):
    """The request did not arrive in time."""


class Conflict(ProblemError, status=409):
    """The served index does not allow it: it changed, or lacks what is asked about."""


class TooLarge(ProblemError, status=413):
    """The body is larger than its route allows."""


class UnsupportedMedia(ProblemError, status=415):
    """The route takes another content type."""


class OutOfRange(ProblemError, status=416):
    """The range is not within the file."""


class UnknownHost(ProblemError, status=421):
    """The address's host is none of this server's names."""


class InvalidRequest(ProblemError, status=422):
    """A parameter is invalid; `errors` names it. Or the upload is no usable audio: see `code`."""


class TooManyRequests(ProblemError, status=429):
    """Too much was sent in too short a time."""


class HeadersTooLarge(ProblemError, status=431):
    """The request's headers are too large."""


class ServerFault(ProblemError, status=500):
    """A fault of soundalike; its log has the cause, by the request id."""


class Unavailable(ProblemError, status=503):
    """The service cannot answer now; it was tried again if it said when."""


def error_of(response: httpx2.Response) -> ApiError:
    """Make the error of an unsuccessful response."""
    try:
        body = ProblemBody.model_validate_json(response.content)
    except ValidationError:
        return UnexpectedAnswer(
            f"{response.request.url}: status {response.status_code}, and no problem of soundalike: "
            f"{response.text[:200]!r}. Is there another server at this address, or a proxy?"
        )
    kind = ProblemError.statuses.get(body.status, ProblemError)
    return kind(body, response.headers.get("x-request-id"))
