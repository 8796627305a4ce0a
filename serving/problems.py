"""The types of problems: one registry, for the errors, the OpenAPI document and docs/api.md."""

from dataclasses import dataclass
from http import HTTPStatus

URN = "urn:soundalike:problem:"


@dataclass(frozen=True)
class ProblemType:
    """A type of problem: its status, and its meaning for the author of a client."""

    status: int
    meaning: str


PROBLEM_TYPES: dict[str, ProblemType] = {
    "malformed-request": ProblemType(400, "It is no HTTP, or its body not JSON or too deep."),
    "broken-form": ProblemType(400, "The body is no valid multipart/form-data."),
    "client-gone": ProblemType(400, "The client disconnected; only logs and metrics show it."),
    "unauthorized": ProblemType(401, "The API key is missing or wrong."),
    "open-without-key": ProblemType(403, "The server is open to the network without a key."),
    "forbidden": ProblemType(403, "The API key does not have the scope that the route needs."),
    "cross-site": ProblemType(403, "A page of another site sent the request."),
    "no-such-route": ProblemType(404, "The API has no such route."),
    "unknown-track": ProblemType(404, "The catalog has no such track."),
    "no-map": ProblemType(404, "The map of the served index is not drawn yet."),
    "no-audio": ProblemType(404, "No file of the track can be played here now."),
    "unknown-version": ProblemType(404, "There is no such index version to publish."),
    "method-not-allowed": ProblemType(405, "The route has other methods; `Allow` lists them."),
    "request-too-slow": ProblemType(408, "The request did not arrive in time."),
    "unusable-version": ProblemType(409, "The index version is damaged, or failed its checks."),
    "not-in-index": ProblemType(409, "The track is known, but not in the served index."),
    "index-changed": ProblemType(409, "It is of another index version, or another map."),
    "too-few-tracks": ProblemType(409, "The collection has too few tracks for the journey."),
    "other-space": ProblemType(409, "The configured model is not that of the served index."),
    "body-too-large": ProblemType(413, "The body is larger than its route allows."),
    "unsupported-media-type": ProblemType(415, "The route takes another content type."),
    "range-not-satisfiable": ProblemType(416, "The range is not within the file."),
    "unknown-host": ProblemType(421, "The Host header names no host of this server."),
    "invalid-request": ProblemType(422, "A parameter or field is invalid; `errors` names it."),
    "no-direction": ProblemType(422, "The examples cancel each other out."),
    "unsupported-search": ProblemType(422, "What is searched cannot answer such a query."),
    "wrong-dimension": ProblemType(422, "The vector has another dimension than the index."),
    "unusable-audio": ProblemType(422, "The upload is not audio that can be embedded."),
    "wrong-keys": ProblemType(429, "This address sent too many wrong API keys."),
    "rate-limited": ProblemType(429, "The API key sent too many requests."),
    "headers-too-large": ProblemType(431, "The request's headers are too large."),
    "internal-error": ProblemType(500, "A fault of soundalike; its log has the cause."),
    "no-index": ProblemType(503, "No index is published, or it cannot be opened."),
    "busy": ProblemType(503, "Too many uploads wait."),
    "no-room": ProblemType(503, "The disk has no room for uploads."),
    "overloaded": ProblemType(503, "Too many searches wait, or too many connections are in use."),
    "too-slow": ProblemType(503, "The catalog took too long."),
    "catalog-not-upgraded": ProblemType(503, "The catalog has another schema."),
    "catalog-unreachable": ProblemType(503, "PostgreSQL does not respond."),
    "milvus-unreachable": ProblemType(503, "Milvus, which is searched, does not respond."),
    "model-unavailable": ProblemType(503, "The model of uploads cannot be used."),
    "unavailable": ProblemType(503, "The service needs attention; its log has the cause."),
}
# The type of a problem of which only the status is given.
DEFAULT_KINDS = {
    400: "malformed-request",
    401: "unauthorized",
    404: "no-such-route",
    405: "method-not-allowed",
    408: "request-too-slow",
    413: "body-too-large",
    415: "unsupported-media-type",
    416: "range-not-satisfiable",
    422: "invalid-request",
    431: "headers-too-large",
    500: "internal-error",
    503: "unavailable",
}


def urn(kind: str) -> str:
    """Return the `type` of problems of this kind."""
    return URN + kind


def title(kind: str) -> str:
    """Return the `title` of problems of this kind."""
    return kind.replace("-", " ").capitalize()


def phrase(status: int) -> str:
    """Return the status's phrase, followed by the types of problems that have it."""
    kinds = (kind for kind, each in PROBLEM_TYPES.items() if each.status == status)
    listed = "\n".join(f"- `{kind}`: {PROBLEM_TYPES[kind].meaning}" for kind in kinds)
    return f"{HTTPStatus(status).phrase}\n\n{listed}"
