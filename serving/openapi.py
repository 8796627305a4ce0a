"""The OpenAPI document: what all operations have in common, added to what the routes declare."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from serving.errors import documented
from serving.schemas.problems import ProblemDetails
from serving.scopes import described_schemes, described_scope
from soundalike.catalog.api_keys import Scope

REF = "#/components/schemas/{model}"
TAGS = [
    {"name": "search", "description": "Tracks by their sound."},
    {"name": "tracks", "description": "The collection: tracks by words, metadata and ids."},
    {"name": "map", "description": "The collection in two dimensions: near points sound alike."},
    {"name": "index", "description": "The index version that searches are answered from."},
    {"name": "failures", "description": "Files that could not be used, and why."},
    {"name": "health", "description": "The state of the service, for operators and programs."},
]
ABOUT = """
Lists have `items`, and `next_cursor` while there are more; `limit` bounds a page. A list in a query
parameter repeats the parameter (`tags=a&tags=b`); commas do not separate. Unknown parameters are
refused. `HEAD` works wherever `GET` does; any other method is answered with 405 and `Allow`.

What `GET` returns has an `ETag`, the same in every worker for as long as the answer is the same;
with it in `If-None-Match`, the answer is 304 without a body.

Where the server has keys, a request needs one: of the scope `read`, or of `admin` for operations
that change something; each operation names its scope. A server of this machine may have none, and
then lets every program of the machine in.

Errors are problems (RFC 9457): `type` is for programs, `detail` for people, and `correlation_id`
finds the request in the log. docs/api.md describes every type.
"""
HEADERS = {
    "RequestId": {
        "description": "The request's own X-Request-ID, or a new one; the log has it too.",
        "schema": {"type": "string"},
    },
    "RetryAfter": {
        "description": "Seconds after which to try again.",
        "schema": {"type": "integer"},
    },
    "RateLimit": {
        "description": "With SOUNDALIKE_RATE_LIMIT: the requests left (`r`), for `t` seconds.",
        "schema": {"type": "string"},
    },
    "RateLimitPolicy": {
        "description": "With SOUNDALIKE_RATE_LIMIT: the quota (`q`) of each `w` seconds.",
        "schema": {"type": "string"},
    },
    "CacheStatus": {
        "description": "Only while the catalog does not respond (RFC 9211): the answer is as of "
        "the moment when it last did, `ttl` seconds ago.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "The tag of this answer: send it in `If-None-Match` to be told with 304, "
        "and without a body, that the answer is the same.",
        "schema": {"type": "string"},
    },
    "CacheControl": {
        "description": "Who may keep the answer, and for how long: only the client itself, which "
        "asks again each time unless there is a `max-age`.",
        "schema": {"type": "string"},
    },
    "Vary": {
        "description": "The headers of the request that another answer may follow from.",
        "schema": {"type": "string"},
    },
    "WwwAuthenticate": {
        "description": "How to send the key.",
        "schema": {"type": "string"},
    },
}
HEADERS_OF = {
    "401": {"WWW-Authenticate": "WwwAuthenticate"},
    "429": {"Retry-After": "RetryAfter"},
    "503": {"Retry-After": "RetryAfter"},
}
SEARCH_HEADERS = {"Cache-Status": "CacheStatus"}
CACHE_HEADERS = {"ETag": "ETag", "Cache-Control": "CacheControl", "Vary": "Vary"}
NOT_MODIFIED = {"description": "The answer is the one that `If-None-Match` names."}
RATE_LIMIT = {"RateLimit": "RateLimit", "RateLimit-Policy": "RateLimitPolicy"}
COMMON = (422, 431, 500)


def describe(app: FastAPI, scopes: Mapping[str, Scope]) -> None:
    """Make the application's document complete; it is built once, when first asked for.

    `scopes` are those that operations need, by id.
    """
    build = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(build(), scopes)
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]


def _completed(document: dict[str, Any], scopes: Mapping[str, Scope]) -> dict[str, Any]:
    components = document.setdefault("components", {})
    _, problems = models_json_schema([(ProblemDetails, "serialization")], ref_template=REF)
    schemas = components.setdefault("schemas", {})
    schemas.update(problems["$defs"])
    for replaced in ("HTTPValidationError", "ValidationError"):
        schemas.pop(replaced, None)
    components |= {"headers": HEADERS, "securitySchemes": described_schemes()}
    for operations in document["paths"].values():
        for method, operation in operations.items():
            if method == "get":
                operation["responses"]["304"] = dict(NOT_MODIFIED)
            if scope := scopes.get(operation["operationId"]):
                operation["security"] = described_scope(scope)
            _complete(operation)
    return document


def _complete(operation: dict[str, Any]) -> None:
    summary, _, description = operation["description"].partition("\n\n")
    operation["summary"] = summary.replace("\n", " ").removesuffix(".")
    operation["description"] = description or summary
    responses = operation["responses"]
    for status, response in documented(*COMMON).items():
        responses[str(status)] = response
    limited = RATE_LIMIT if "security" in operation else {}
    for status, response in responses.items():
        names = {"X-Request-ID": "RequestId", **limited, **HEADERS_OF.get(status, {})}
        if status == "200" and _needs_no_catalog(operation):
            names |= SEARCH_HEADERS
        if status == "304" or (status == "200" and "304" in responses):
            names |= CACHE_HEADERS
        headers = {name: {"$ref": f"#/components/headers/{ref}"} for name, ref in names.items()}
        response["headers"] = headers
    operation["responses"] = dict(sorted(responses.items()))


def _needs_no_catalog(operation: dict[str, Any]) -> bool:
    """Return whether it is answered from the columns, also while the catalog does not respond."""
    is_of_map_or_search = bool({"search", "map"} & set(operation["tags"]))
    return is_of_map_or_search or operation["operationId"] == "list_facet_values"
