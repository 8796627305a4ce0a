"""Errors as RFC 9457 problems: what each exception becomes, and how a problem is written.

No input of the request is echoed except its escaped path and the start of a field's name, and no
internal detail is shown: messages of exceptions go to the log, under the correlation id.
"""

import errno
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

from serving.field_problems import field_problems, in_words
from serving.index.search_threads import Overloaded
from serving.limits import STATEMENT_TIMEOUT_SECONDS
from serving.problems import DEFAULT_KINDS, PROBLEM_TYPES, phrase, title, urn
from serving.schemas.problems import FieldProblem, ProblemDetails
from soundalike.errors import MilvusError, SoundalikeError, UnsupportedSearch

PROBLEM_JSON = "application/problem+json"
RETRY_LATER = {"Retry-After": "5"}
LACKING = {errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EAGAIN}
NO_THREAD = "can't start new thread"  # as CPython's RuntimeError says it


class Problem(Exception):
    """An error response. `kind` is one of PROBLEM_TYPES; None is the default one of the status.

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
        self.kind = kind or DEFAULT_KINDS[status]
        if PROBLEM_TYPES[self.kind].status != status:
            raise ValueError(f"problems of type {self.kind} do not have status {status}")
        self.status = HTTPStatus(status)
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
        case _ if _lacks_resources(error):
            detail = (
                "this server lacks memory, threads, open files or room on its disk for the request;"
                " try again in a moment; its log has the cause under this correlation id"
            )
            return Problem(503, "unavailable", detail, RETRY_LATER)
        case _:
            return _other(error)


def _other(error: Exception) -> Problem:
    match error:
        case ClientDisconnect():  # never received; for the log and the metrics
            detail = "the client disconnected before the response was ready"
            return Problem(400, "client-gone", detail)
        case Overloaded():
            detail = "too many searches are waiting; try again in a moment"
            return Problem(503, "overloaded", detail, RETRY_LATER)
        case UnsupportedSearch():
            return Problem(422, "unsupported-search", str(error))
        case MilvusError():
            detail = (
                "Milvus, which is searched, does not respond, or refuses; the log has the cause "
                "under this correlation id"
            )
            return Problem(503, "milvus-unreachable", detail, RETRY_LATER)
        case SoundalikeError():  # not the request's fault: the service needs attention
            detail = "soundalike needs attention; its log has the cause under this correlation id"
            return Problem(503, "unavailable", detail, RETRY_LATER)
    detail = "internal error in soundalike; its log has the cause under this correlation id"
    return Problem(500, "internal-error", detail)


def _lacks_resources(error: Exception) -> bool:
    """Return whether the system refused memory, a thread, an open file or room on a disk."""
    if isinstance(error, OSError):
        return error.errno in LACKING
    return isinstance(error, MemoryError) or str(error) == NO_THREAD


def _invalid(error: RequestValidationError) -> Problem:
    issues = error.errors()
    if any(issue["type"] == "json_invalid" for issue in issues):
        detail = "the body is not JSON; check its quotes, commas and brackets"
        return Problem(400, "malformed-request", detail)
    problems, more = field_problems(issues)
    return Problem(422, "invalid-request", in_words(problems, more), errors=problems)


def _http(error: HTTPException) -> Problem:
    details = {
        400: "the body cannot be read: it is no JSON, or nested too deeply",
        404: "no such route; /docs lists all routes",
        405: "the route does not support this method; see the Allow header",
        413: error.detail,
    }
    status = error.status_code if error.status_code in DEFAULT_KINDS else 500
    detail = details.get(status, HTTPStatus(status).phrase)
    headers = dict(error.headers or {})
    if "GET" in headers.get("Allow", ""):
        headers["Allow"] += ", HEAD"
    return Problem(status, None, detail, headers)


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
    details = ProblemDetails(
        type=urn(problem.kind),
        title=title(problem.kind),
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
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {status: {"description": phrase(status), "content": content} for status in statuses}
