"""Errors as RFC 9457 problems: what each exception becomes, and how a problem is written.

No input of the request is echoed except its escaped path, and no internal detail is shown.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from asgi_correlation_id import correlation_id
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from psycopg.errors import QueryCanceled, UndefinedColumn, UndefinedTable
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from serving.limits import STATEMENT_TIMEOUT_SECONDS
from serving.schemas.responses import FieldProblem, ProblemDetails
from soundalike.errors import SoundalikeError

PROBLEM_JSON = "application/problem+json"
RETRY_LATER = {"Retry-After": "5"}


class Problem(Exception):
    """An error response. `kind` identifies it for programs; None leaves that to the status.

    `detail` is the message for users: what happened and what to do next. `code` is the reason
    within a kind that has several, for programs.
    """

    def __init__(
        self,
        status: int,
        kind: str | None,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: list[FieldProblem] | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = HTTPStatus(status)
        self.kind = kind
        self.detail = detail
        self.headers = headers
        self.errors = errors
        self.code = code


def as_problem(error: Exception) -> Problem:
    """Convert the exception that a request ended in; 500 for an unexpected one."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _invalid(error)
        case HTTPException():
            return _http(error)
        case OperationalError() | InterfaceError() | ProgrammingError() | PoolTimeout():
            return _database(error)
        case _:
            return _other(error)


def _other(error: Exception) -> Problem:
    if isinstance(error, ClientDisconnect):  # never received; for the log and the metrics
        return Problem(400, "client-gone", "the client disconnected before the response was ready")
    if isinstance(error, SoundalikeError):  # not the request's fault: the service needs attention
        return Problem(503, "unavailable", str(error), RETRY_LATER)
    return Problem(
        500, None, "internal error in soundalike; its log has the cause under this correlation id"
    )


def _invalid(error: RequestValidationError) -> Problem:
    """Name the fields and their constraints, never the input, which may not even be text."""
    errors = [
        FieldProblem(field=".".join(map(str, issue["loc"])), message=issue["msg"])
        for issue in error.errors()
    ]
    detail = "; ".join(f"{issue.field}: {issue.message}" for issue in errors)
    return Problem(422, "invalid-request", detail, errors=errors)


def _http(error: HTTPException) -> Problem:
    details = {
        404: "no such route; /docs lists all routes",
        405: "the route does not support this method; see the Allow header",
    }
    detail = details.get(error.status_code, error.detail)
    return Problem(error.status_code, None, detail, error.headers)


def _database(
    error: OperationalError | InterfaceError | ProgrammingError | PoolTimeout,
) -> Problem:
    match error:
        case OperationalError(orig=QueryCanceled()):
            detail = (
                f"the catalog query took more than {STATEMENT_TIMEOUT_SECONDS} s; "
                "request less at a time"
            )
            return Problem(503, "too-slow", detail, RETRY_LATER)
        case ProgrammingError(orig=UndefinedTable() | UndefinedColumn()):
            detail = "the catalog is not at the current schema: run `soundalike db upgrade`"
            return Problem(503, "catalog-not-upgraded", detail, RETRY_LATER)
        case ProgrammingError():
            return _other(error)
        case PoolTimeout():
            detail = "every connection to the catalog is in use; try again in a moment"
            return Problem(503, "overloaded", detail, RETRY_LATER)
        case _:
            detail = (
                "the catalog's PostgreSQL does not respond; try again, or run `soundalike doctor`"
            )
            return Problem(503, "catalog-unreachable", detail, RETRY_LATER)


def respond(scope: Scope, problem: Problem) -> Response:
    """Write the problem as a response to the request of `scope`."""
    kind = problem.kind
    details = ProblemDetails(
        type=f"urn:soundalike:problem:{kind}" if kind else "about:blank",
        title=kind.replace("-", " ").capitalize() if kind else problem.status.phrase,
        status=problem.status,
        detail=problem.detail,
        instance=shown_path(scope),
        correlation_id=correlation_id.get(),
        errors=problem.errors,
        code=problem.code,
    )
    # ASCII, so that text that is not valid Unicode cannot break the response about it.
    body = json.dumps(details.model_dump(exclude_none=True))
    return Response(body, problem.status, problem.headers, PROBLEM_JSON)


def shown_path(scope: Scope) -> str:
    """Percent-encode the request's path, which may hold line breaks, or anything else."""
    return quote(scope["path"], errors="replace")


async def _handle(request: Request, error: Exception) -> Response:
    return respond(request.scope, as_problem(error))


def install(app: FastAPI) -> None:
    """Write problems and the framework's errors as responses; `LogRequests` handles all others."""
    for expected in (Problem, HTTPException, RequestValidationError):
        app.add_exception_handler(expected, _handle)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe these error statuses for OpenAPI: a route's `responses`."""
    content = {PROBLEM_JSON: {"schema": ProblemDetails.model_json_schema(mode="serialization")}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }
