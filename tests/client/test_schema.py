"""The client has every operation, parameter, field and status of the API, under their names."""

import copy
from typing import Any

import pytest

from serving.app import create_app
from serving.problems import PROBLEM_TYPES
from soundalike.client import ProblemError
from soundalike.client.operations import Operations
from soundalike.settings import Settings

from .schema import missing

# What the client does not have, by the line that names it, and why.
LEFT_OUT: dict[str, str] = {}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    made: dict[str, Any] = create_app(Settings()).openapi()
    return made


def test_nothing_of_the_api_is_missing(document: dict[str, Any]) -> None:
    assert len(document["paths"]) > 10
    assert [line for line in missing(document) if line not in LEFT_OUT] == []


def test_nothing_is_left_out_that_is_there(document: dict[str, Any]) -> None:
    assert LEFT_OUT.keys() - set(missing(document)) == set()


def test_every_problem_has_a_class() -> None:
    assert {each.status for each in PROBLEM_TYPES.values()} == set(ProblemError.statuses)


def test_every_method_says_what_it_does() -> None:
    methods = [name for name in vars(Operations) if not name.startswith("_")]
    assert len(methods) > 10
    assert [name for name in methods if not getattr(Operations, name).__doc__] == []


def test_what_the_api_gets_next_is_named(document: dict[str, Any]) -> None:
    """The comparison itself: each kind of thing that may be missing."""
    newer = copy.deepcopy(document)
    schemas = newer["components"]["schemas"]
    schemas["Track"]["properties"]["mood"] = {"type": "string"}
    schemas["Journey"]["properties"]["index_version"] = {"type": "integer"}
    schemas["Root"] = {"properties": {"name": {"type": "string"}}}
    schemas["SearchFilter"]["properties"]["moods"] = {"type": "array"}
    schemas["Index"]["properties"]["root"] = {"$ref": "#/components/schemas/Root"}
    index = newer["paths"]["/v1/index"].pop("get")
    index["responses"]["418"] = {}
    newer["paths"]["/v1/index"]["post"] = index
    given = newer["paths"]["/v1/tracks"]["get"]["parameters"]
    next(each for each in given if each["name"] == "artists")["name"] = "moods"
    added = {
        "operationId": "list_moods",
        "responses": newer["paths"]["/v1/journeys"]["get"]["responses"],
    }
    newer["paths"]["/v1/moods"] = {"get": added}
    assert sorted(missing(newer)) == [
        "Index: no field root",
        "Journey.index_version: is {'type': 'string'}, and not {'type': 'integer'}",
        "Root: no class in soundalike/client/answers.py",
        "Track: no field mood",
        "get_index: sends GET /v1/index, and not POST /v1/index",
        "list_moods: no function in soundalike/client/endpoints.py",
        "list_tracks: no parameter moods",
        "list_tracks: parameter artists is none of the API's",
        "search_tracks_by_examples: no parameter moods",
        "status 418: no class in soundalike/client/problems.py",
    ]
