"""Requests that are not quite right: named, bounded, and nobody else's trouble."""

import json
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeGuard

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import ValidationError

from serving.app import create_app
from serving.limits import MAX_BODY_BYTES, MAX_FIELD_PROBLEMS
from serving.query_parameters import query_parameters
from serving.routes import __path__ as path
from serving.schemas.base import TRACK_ID
from serving.schemas.search_requests import SearchRequest
from soundalike.settings import Settings

from .service import problem_of

ROUTES = (
    *("/health/live", "/health/ready", "/metrics", "/v1/index", "/v1/failures", "/v1/tracks"),
    *("/v1/tracks/x", "/v1/tracks/x/similar", "/v1/journeys?from=a&to=b"),
)


def errors_of(answer: httpx.Response, status: int = 422) -> list[dict[str, Any]]:
    errors: list[dict[str, Any]] = problem_of(answer, status)["errors"]
    return errors


@pytest.mark.parametrize("route", ROUTES)
async def test_unknown_parameter_is_named(route: str, offline_api: httpx.AsyncClient) -> None:
    answer = await offline_api.get(f"{route}{'&' if '?' in route else '?'}colour=blue")
    [error] = errors_of(answer)
    assert (error["location"], error["field"]) == ("query", "colour")
    assert "no such query parameter" in error["message"]


@pytest.mark.parametrize("old", ["k", "query", "include", "exclude", "duplicate", "seconds_from"])
async def test_words_of_before_are_refused(old: str, offline_api: httpx.AsyncClient) -> None:
    [error] = errors_of(await offline_api.get("/v1/tracks/x/similar", params={old: "1"}))
    assert error["field"] == old
    [error] = errors_of(await offline_api.post("/v1/search", json={"positive": ["x"], old: 1}))
    assert (error["location"], error["field"]) == ("body", f"/{old}")


@pytest.mark.parametrize("route", ["/v1/tracks", "/v1/failures", "/v1/tracks/x/similar"])
async def test_repeated_scalar_is_refused(route: str, offline_api: httpx.AsyncClient) -> None:
    [error] = errors_of(await offline_api.get(f"{route}?limit=3&limit=4"))
    assert error["field"] == "limit"
    assert "more than once" in error["message"]


async def test_uploads_are_as_strict(offline_api: httpx.AsyncClient) -> None:
    for query in ("colour=blue", "limit=3&limit=4", "cursor=x"):
        errors_of(await offline_api.post(f"/v1/search/audio?{query}", content=b"x"))


async def test_names_may_have_commas_and_lists_are_repeated(documented: httpx.AsyncClient) -> None:
    async def found(query: str) -> set[str]:
        answer = await documented.get(f"/v1/tracks?{query}")
        assert answer.status_code == 200, answer.text
        return {item["artist"] for item in answer.json()["items"]}

    assert await found("artists=Earth, Wind %26 Fire") == {"Earth, Wind & Fire"}
    assert await found("artists=Earth, Wind %26 Fire&artists=ana lua") == {
        *("Earth, Wind & Fire", "Ana Lua")
    }
    assert await found("artists=Earth&artists=Wind %26 Fire") == set()
    assert await found(f"ids={TRACK_ID}&exclude_ids={TRACK_ID}") == set()


@pytest.mark.parametrize("name", ["ids", "exclude_ids", "tags", "tags_all", "isrcs"])
async def test_comma_where_no_value_has_one_is_refused(
    name: str, offline_api: httpx.AsyncClient
) -> None:
    [error] = errors_of(await offline_api.get(f"/v1/tracks?{name}=a&{name}=b,c"))
    assert error["field"] == name
    assert error["message"].startswith("value 2: a comma does not separate values")
    body = {"positive": ["x"], "filter": {name: ["a", "b,c"]}}
    [error] = errors_of(await offline_api.post("/v1/search", json=body))
    assert error["field"] == f"/filter/{name}/1"


async def test_field_is_a_json_pointer(offline_api: httpx.AsyncClient) -> None:
    body = {"positive": ["x"], "filter": {"a.b/c~d": 1, "year_from": -1}}
    fields = {
        error["field"] for error in errors_of(await offline_api.post("/v1/search", json=body))
    }
    assert fields == {"/filter/a.b~1c~0d", "/filter/year_from"}


@pytest.mark.parametrize("inside", [False, True])
async def test_thousands_of_unknown_keys_get_a_short_answer(
    inside: bool, offline_api: httpx.AsyncClient
) -> None:
    wrong = {f"unknown-{number}-{'x' * 90}": 1 for number in range(8000)}
    body = {"positive": ["x"], "filter": wrong} if inside else {"positive": ["x"], **wrong}
    answer = await offline_api.post("/v1/search", json=body)
    errors = errors_of(answer)
    assert len(errors) == len({str(error) for error in errors}) == MAX_FIELD_PROBLEMS
    assert problem_of(answer, 422)["detail"].endswith("and 7980 more")
    assert len(answer.content) < 10_000


def test_validation_makes_one_error_of_what_fits_into_a_body() -> None:
    """It runs on the event loop, where 60 000 errors would keep all other requests waiting."""
    wrong = {f"{number:x}": number for number in range(60_000)}
    assert len(json.dumps(wrong)) < MAX_BODY_BYTES
    for body in ({"positive": ["x"], **wrong}, {"positive": ["x"], "filter": wrong}):
        with pytest.raises(ValidationError) as caught:
            SearchRequest.model_validate(body)
        assert caught.value.error_count() == 1


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "json"])
async def test_json_route_takes_json_alone(
    kind: str | None, offline_api: httpx.AsyncClient
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = await offline_api.post("/v1/search", content=b'{"positive": ["x"]}', headers=headers)
    assert problem_of(answer, 415)["type"].endswith(":unsupported-media-type")
    for right in ("application/json; charset=utf-8", "application/merge-patch+json"):
        answer = await offline_api.post(
            "/v1/search", content=b'{"positive": ["x"]}', headers={"Content-Type": right}
        )
        problem_of(answer, 503)


async def test_head_is_get_without_a_body(documented: httpx.AsyncClient) -> None:
    for route in ("/", "/docs", "/openapi.json", *ROUTES):
        get, head = await documented.get(route), await documented.head(route)
        assert head.content == b""
        assert head.status_code == get.status_code
        if route != "/metrics":  # it counts the requests, and itself
            assert head.headers.get("content-length") == get.headers.get("content-length")
    problem = await documented.head("/v1/search")
    assert (problem.status_code, problem.headers["allow"]) == (405, "POST")


def test_a_route_takes_what_the_document_says_it_takes(offline: Settings) -> None:
    """Also which of them are lists; a route that is not found here fails too."""
    modules = [import_module(f"serving.routes.{each.name}") for each in iter_modules(path)]
    routers = {id(r): r for m in modules for r in vars(m).values() if isinstance(r, APIRouter)}
    routes = [route for router in routers.values() for route in router.routes]
    taken = {r.operation_id or r.name: query_parameters(r) for r in routes if is_shown(r)}
    said = {
        operation["operationId"]: {
            each["name"]: '"array"' in json.dumps(each["schema"])
            for each in operation.get("parameters", [])
            if each["in"] == "query"
        }
        for methods in create_app(offline).openapi()["paths"].values()
        for operation in methods.values()
    }
    assert taken == said
    assert sum(map(len, said.values())) > 50


def is_shown(route: object) -> TypeGuard[APIRoute]:
    return isinstance(route, APIRoute) and route.include_in_schema
