"""Problems as bytes: what a connection says of a request that never reaches the application."""

from http import HTTPStatus

from serving.limits import MAX_HEADER_BYTES
from serving.problems import DEFAULT_KINDS, title, urn
from serving.schemas.problems import ProblemDetails

RETRY_SECONDS = 5
DETAILS = {
    400: "the request is no valid HTTP/1.1",
    408: "the request did not arrive in time; send it again, faster",
    431: f"the request's line and headers are too long; the limit is {MAX_HEADER_BYTES} bytes",
    503: "the server is stopping; try again in a moment",
}


def raw_problem(status: int, correlation_id: str) -> bytes:
    """Write a problem as a whole response."""
    kind = DEFAULT_KINDS[status]
    problem = ProblemDetails(
        type=urn(kind),
        title=title(kind),
        status=status,
        detail=DETAILS[status],
        correlation_id=correlation_id,
    )
    body = problem.model_dump_json(exclude_none=True).encode()
    headers = {
        "content-type": "application/problem+json",
        "content-length": len(body),
        "x-request-id": correlation_id,
        "connection": "close",
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = RETRY_SECONDS
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n".encode() + body
