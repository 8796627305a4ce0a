"""The OpenAPI document: valid, complete, and true to what the service answers."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate
from pydantic import BaseModel, SecretStr

from serving.app import create_app
from serving.problems import PROBLEM_TYPES, urn
from serving.schemas import results
from serving.schemas.base import OTHER_TRACK_ID, TRACK_ID
from serving.schemas.tracks import TrackPage
from soundalike.settings import Settings

from .service import running

OPERATIONS = {
    *("check_liveness", "check_readiness", "get_metrics", "get_index", "list_failures"),
    *("get_pipeline", "list_tracks", "get_track", "find_similar_tracks", "find_journey"),
    *("search_tracks_by_examples", "search_tracks_by_audio"),
    *("publish_version", "retry_failures", "list_roots", "list_facet_values", "get_stats"),
    *("get_embedding", "get_lineage", "search_tracks_in_batch", "get_audio", "get_peaks"),
    *("write_playlist", "get_session", "open_browser_session", "close_browser_session"),
    *("get_map", "get_map_points", "look_up_tracks"),
}
ADMINISTRATION = {"publish_version", "retry_failures"}
LOADS_A_MODEL = "/v1/search/audio"  # tests/serving/test_uploads.py sends audio


@pytest.fixture
def document(offline: Settings) -> dict[str, Any]:
    return create_app(offline).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_operations_have_names_of_their_own_and_words(document: dict[str, Any]) -> None:
    found = {operation["operationId"] for _, _, operation in operations(document)}
    assert found == OPERATIONS
    for _, _, operation in operations(document):
        assert operation["summary"]
        assert not operation["summary"].endswith(".")
        assert operation["description"]
        assert operation["tags"][0] in {tag["name"] for tag in document["tags"]}
    assert document["servers"]
    assert document["info"]["license"]["identifier"] == "Apache-2.0"


def test_errors_are_problems_and_every_answer_has_its_id(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        responses = dict(operation["responses"])
        assert {"200", "422", "431", "500"} <= set(responses), path
        assert ("304" in responses) == ("ETag" in responses["200"]["headers"]) == (method == "get")
        unchanged = responses.pop("304", {"headers": {"X-Request-ID": {}}})
        assert "content" not in unchanged
        assert "X-Request-ID" in unchanged["headers"]
        for status, response in responses.items():
            assert "X-Request-ID" in response["headers"]
            assert ("Retry-After" in response["headers"]) == (status in ("429", "503"))
            if not status.startswith("2"):
                [(kind, content)] = response["content"].items()
                assert kind == "application/problem+json"
                assert content["schema"] == {"$ref": "#/components/schemas/ProblemDetails"}
    schemas = document["components"]["schemas"]
    types = schemas["ProblemDetails"]["properties"]["type"]["enum"]
    assert types == [urn(kind) for kind in PROBLEM_TYPES]
    assert "HTTPValidationError" not in schemas
    search = set(document["paths"]["/v1/search"]["post"]["responses"])
    refused = {"401", "403", "429"}
    assert search == refused | {
        *("200", "400", "404", "409", "413", "415", "422", "431", "500", "503")
    }


def test_answers_that_may_be_stale_name_the_header_that_says_so(document: dict[str, Any]) -> None:
    found = {
        operation["operationId"]
        for _, _, operation in operations(document)
        if "Cache-Status" in operation["responses"]["200"]["headers"]
    }
    searches = {"find_similar_tracks", "find_journey", "search_tracks_by_audio"}
    searches |= {"search_tracks_by_examples", "search_tracks_in_batch"}
    assert found == searches | {"get_map", "get_map_points", "look_up_tracks", "list_facet_values"}


async def test_document_says_how_to_send_a_key_and_of_which_scope(offline: Settings) -> None:
    locked = offline.model_copy(update={"api_key": SecretStr("s3cret")})
    async with running(locked) as api:
        schema = (await api.get("/openapi.json")).json()
    assert "s3cret" not in str(schema)
    for path, method, operation in operations(schema):
        is_open = path.startswith("/health")
        assert ({"401", "403", "429"} <= set(operation["responses"])) != is_open, (path, method)
        scope = "admin" if operation["operationId"] in ADMINISTRATION else "read"
        expected = None if is_open else [{"APIKeyHeader": [scope]}, {"HTTPBearer": [scope]}]
        assert operation.get("security") == expected
        limits = {"RateLimit", "RateLimit-Policy"} & set(operation["responses"]["200"]["headers"])
        assert len(limits) == (0 if is_open else 2)


def example(parameter: dict[str, Any]) -> Any:
    return parameter["schema"]["examples"][0]


async def test_every_example_is_a_request_that_succeeds(
    documented: httpx.AsyncClient, document: dict[str, Any]
) -> None:
    served = (await documented.get("/v1/index")).json()["version"]
    sent = 0
    for path, method, operation in operations(document):
        if path == LOADS_A_MODEL:
            continue
        parameters = operation.get("parameters", [])
        url, required, current = path, {}, {}
        if "{layout}" in path:
            current = (await documented.get("/v1/map")).json()
            url = path.format(**current)
        for parameter in parameters:
            assert parameter["description"], (path, parameter["name"])
            if parameter["in"] == "path":
                url = url.replace(f"{{{parameter['name']}}}", example(parameter))
            elif parameter["required"]:
                required[parameter["name"]] = example(parameter)
        optional = [each for each in parameters if not each["required"]]
        cases = [{}, *({each["name"]: example(each)} for each in optional)]
        content = operation.get("requestBody", {}).get("content", {})
        bodies = [
            each["value"]
            for each in content.get("application/json", {}).get("examples", {}).values()
        ]
        for case in cases:
            if "cursor" in case:  # an index version's, or a list's: made by its own first page
                case |= {"cursor": await cursor_of(documented, url)}
            case |= {name: current[name] for name in case if name in current}
            for body in bodies or [None]:
                if body:  # an index version is not the documentation's
                    body |= {name: served for name in ("version", "index_version") if name in body}
                answer = await documented.request(method, url, params=required | case, json=body)
                assert answer.status_code == 200, (url, case, answer.text)
                sent += 1
    assert sent > 40


async def cursor_of(api: httpx.AsyncClient, url: str) -> str:
    page = (await api.get(url, params={"limit": 1})).json()
    return str(page["next_cursor"])


async def test_no_example_is_there_for_show(document: dict[str, Any]) -> None:
    assert all(
        parameter["schema"].get("examples")
        for _, _, operation in operations(document)
        for parameter in operation.get("parameters", [])
    )


async def test_docs_page_needs_nothing_from_elsewhere(offline_api: httpx.AsyncClient) -> None:
    page = await offline_api.get("/docs")
    assert page.status_code == 200
    assert "http" not in page.text.replace("http-equiv", "")
    assets = [part.split('"')[0] for part in page.text.split('"/docs/')[1:]]
    assert len(assets) == 3
    for asset in assets:
        answer = await offline_api.get(f"/docs/{asset}")
        assert answer.status_code == 200
        assert len(answer.content) > 500


WRITTEN_BY_HAND: list[tuple[str, str, dict[str, Any], type[BaseModel]]] = [
    ("GET", "/v1/tracks", {}, TrackPage),
    ("GET", "/v1/tracks/{one}/similar", {}, results.SimilarTracks),
    ("GET", "/v1/journeys?from={one}&to={other}&steps=2", {}, results.Journey),
    ("POST", "/v1/search", {"positive": ["{one}"]}, results.SearchResults),
    ("POST", "/v1/search/batch", {"searches": [{"positive": ["{one}"]}]}, results.BatchResults),
]


@pytest.mark.parametrize(("method", "path", "body", "model"), WRITTEN_BY_HAND)
async def test_answers_that_no_model_wrote_have_the_fields_of_their_model(
    method: str,
    path: str,
    body: dict[str, Any],
    model: type[BaseModel],
    documented: httpx.AsyncClient,
) -> None:
    def filled(value: Any) -> Any:
        text = json.dumps(value).replace("{one}", TRACK_ID).replace("{other}", OTHER_TRACK_ID)
        return json.loads(text)

    answer = await documented.request(method, filled(path), json=filled(body) or None)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    read = model.model_validate_json(answer.content, strict=True)
    assert read.model_dump(mode="json") == answer.json()
