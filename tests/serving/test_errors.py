"""Every error is a problem with a correlation id, and shows nothing of the inside."""

import errno
import json

import httpx
import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from psycopg.errors import QueryCanceled, UndefinedTable
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from serving.app import create_app
from serving.dependencies import SessionDep
from serving.errors import as_problem
from soundalike.errors import ArtifactError
from soundalike.settings import Settings

from .conftest import KEY
from .service import problem_of, running


async def test_unknown_route_is_a_problem(offline_api: httpx.AsyncClient) -> None:
    problem = problem_of(await offline_api.get("/nowhere/%0A%ED%A0%80"), 404)
    assert problem["type"] == "urn:soundalike:problem:no-such-route"
    assert problem["title"] == "No such route"
    assert problem["instance"].startswith("/nowhere/%0A")


async def test_trailing_slash_is_no_redirect_to_a_host_a_client_named(
    offline_api: httpx.AsyncClient,
) -> None:
    problem_of(await offline_api.get("/v1/tracks/", headers={"Host": "localhost:9"}), 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "BREW"])
async def test_wrong_method_is_a_problem_that_names_the_right_one(
    method: str, offline_api: httpx.AsyncClient
) -> None:
    answer = await offline_api.request(method, "/v1/tracks")
    problem_of(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD"


class Unforeseen(Exception):
    pass


def failing_app(settings: Settings, error: Exception) -> FastAPI:
    app = create_app(settings)

    @app.get("/fails")
    async def fails() -> None:
        raise error

    return app


async def test_unhandled_error_is_500_that_hides_the_inside_and_is_logged_with_its_id(
    offline: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    app = failing_app(offline, Unforeseen("secret /etc/passwd"))
    async with running(offline, app) as api:
        answer = await api.get("/fails", headers={"X-API-Key": KEY, "X-Request-ID": "trace-me"})
        problem = problem_of(answer, 500)
        assert "secret" not in answer.text
        assert problem["correlation_id"] == "trace-me"
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    [logged] = [line for line in lines if line["event"] == "request.unhandled_error"]
    assert logged["correlation_id"] == "trace-me"
    assert "secret /etc/passwd" in logged["exception"]


async def test_error_of_the_service_is_503_and_its_message_goes_to_the_log(
    offline: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    app = failing_app(offline, ArtifactError("/data/index.faiss is damaged; publish again"))
    async with running(offline, app) as api:
        answer = await api.get("/fails", headers={"X-API-Key": KEY})
        assert problem_of(answer, 503)["type"] == "urn:soundalike:problem:unavailable"
        assert "index.faiss" not in answer.text
    assert "/data/index.faiss is damaged" in capsys.readouterr().err


SECRET = "secret_name"
STATEMENTS = [f"select {SECRET}(1)", f"select 1 / 0 as {SECRET}"]


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_a_statement_that_fails_is_500_that_hides_its_sql(
    statement: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    app = create_app(settings)

    @app.get("/fails")
    async def fails(session: SessionDep) -> None:
        await session.execute(text(statement))

    async with running(settings, app) as api:
        answer = await api.get("/fails")
    assert problem_of(answer, 500)["type"] == "urn:soundalike:problem:internal-error"
    assert SECRET not in answer.text
    assert "select" not in answer.text
    assert SECRET in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (PoolTimeout(), 503, "overloaded"),
        (OperationalError("select", {}, ConnectionError()), 503, "catalog-unreachable"),
        (OperationalError("select", {}, QueryCanceled()), 503, "too-slow"),
        (ProgrammingError("select", {}, UndefinedTable()), 503, "catalog-not-upgraded"),
        (ProgrammingError("select", {}, ValueError()), 500, "internal-error"),
        (KeyError("x"), 500, "internal-error"),
        (MemoryError("for an object"), 503, "unavailable"),
        (RuntimeError("can't start new thread"), 503, "unavailable"),
        (RuntimeError("another"), 500, "internal-error"),
        (OSError(errno.EMFILE, "too many"), 503, "unavailable"),
        (OSError(errno.ENOSPC, "no space"), 503, "unavailable"),
        (OSError(errno.EIO, "broken"), 500, "internal-error"),
    ],
)
def test_each_kind_of_error_is_told_and_nothing_of_its_text(
    error: Exception, status: int, kind: str
) -> None:
    problem = as_problem(error)
    assert (problem.status, problem.kind) == (status, kind)
    assert str(error) not in problem.detail
    assert ("Retry-After" in (problem.headers or {})) == (status == 503)


def test_validation_problem_never_echoes_what_was_sent() -> None:
    for value in (float("nan"), float("inf"), "\ud800", "\0"):
        issue = {
            "loc": ("body", "x"),
            "msg": "wrong",
            "input": value,
            "type": "t",
            "ctx": {"v": value},
        }
        problem = as_problem(RequestValidationError([issue], body=value))
        assert problem.detail == "body `/x`: wrong"


@pytest.mark.parametrize(
    "body", [b'{"limit": NaN}', b'"\\ud800"', b"\xff", b"1e400", b"[" * 100_000]
)
async def test_body_that_nobody_asked_for_is_no_error(body: bytes, api: httpx.AsyncClient) -> None:
    answer = await api.request(
        "GET", "/v1/tracks", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200
