"""What schemathesis makes up against the document: every answer is one that the document has."""

import re
import threading
from collections.abc import Iterator

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup

from serving.app import create_app
from serving.schemas.base import OTHER_TRACK_ID, TRACK_ID
from serving.server import server_options
from soundalike.catalog.engine import open_catalog
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from tests.conftest import new_database

from .collection import Collection, canonical, numbered
from .test_openapi import OPERATIONS

checks.load_all_checks()
# An id of no track is a valid request whose answer is 404, so acceptance proves nothing.
CHECKS = [
    *checks.CHECKS.get_by_names(
        [
            "not_a_server_error",
            "status_code_conformance",
            "content_type_conformance",
            "response_headers_conformance",
            "response_schema_conformance",
            "negative_data_rejection",
            "unsupported_method",
            "allow_header_conformance",
        ]
    )
]
# Of its own, schemathesis knows no 413 and 431, which a long value is rejected with.
REJECTIONS = ["400", "404", "405", "409", "413", "415", "422", "431"]
CONFIG = {
    "checks": {"negative_data_rejection": {"expected-statuses": REJECTIONS}},
    # No key is needed here, so a wrong one is none that is refused; tests/serving/test_keys.py.
    "generation": {"with-security-parameters": False},
}
UNCONSTRAINED = {
    *("check_liveness", "check_readiness", "get_index", "get_metrics", "get_track"),
    *("list_roots", "get_lineage", "get_stats", "get_pipeline", "get_session"),
    *("open_browser_session", "close_browser_session", "get_map"),
}
CASES = [
    (name, mode)
    for name in sorted(OPERATIONS)
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    if mode is GenerationMode.POSITIVE or name not in UNCONSTRAINED  # nothing is invalid there
]
BOUNDED = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


@pytest.fixture(scope="module")
def schema(
    server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[schemathesis.BaseSchema]:
    """The document of a running service over a small collection, which the examples name."""
    store = ArtifactStore(tmp_path_factory.mktemp("schemathesis") / "data")
    with new_database(server_url) as url:
        sessions = open_catalog(url)
        collection = Collection(sessions, store)
        collection.add({"id": TRACK_ID}, {"id": OTHER_TRACK_ID}, *numbered(20))
        collection.publish()
        canonical(store, TRACK_ID)
        own = Settings(DATABASE_URL=url, data=store.root)
        config = uvicorn.Config(create_app(own), port=0, log_config=None, **server_options(own))
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            thread.join(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield schemathesis.openapi.from_url(
            f"http://127.0.0.1:{port}/openapi.json", config=SchemathesisConfig.from_dict(CONFIG)
        )
        server.should_exit = True
        thread.join()
        sessions.kw["bind"].dispose()


def operation_of(schema: schemathesis.BaseSchema, name: str) -> schemathesis.APIOperation:
    operations = (found.ok() for found in schema.get_all_operations())
    return next(each for each in operations if each.definition.raw["operationId"] == name)


def send_made_up(operation: schemathesis.APIOperation, mode: GenerationMode, examples: int) -> None:
    """Send requests that are valid, or that are not, and check each answer."""

    @settings(max_examples=examples, **BOUNDED)
    @given(case=operation.as_strategy(generation_mode=mode))
    def answers_as_documented(case: schemathesis.Case) -> None:
        answer = case.call()
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as found:
            if not all(_is_of_types_that_a_query_lacks(failure) for failure in found.exceptions):
                raise

    answers_as_documented()


def _is_of_types_that_a_query_lacks(failure: Exception) -> bool:
    """A number where a list or nothing was: `ids=5` is a list of one text, and `year_from=0.0` 0.

    Which of these are made up changes with the code, whose constants hypothesis takes.
    """
    violations = re.findall(r"violates `(\w+)` at .*\(was (\w+), became (\w+)\)", str(failure))
    harmless = {("type", was, now) for was in ("array", "null") for now in ("integer", "number")}
    return "in query" in str(failure) and bool(violations) and set(violations) <= harmless


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_answers_are_those_of_the_document(
    name: str, mode: GenerationMode, schema: schemathesis.BaseSchema
) -> None:
    send_made_up(operation_of(schema, name), mode, examples=10)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "mode"), CASES)
def test_answers_are_those_of_the_document_at_length(
    name: str, mode: GenerationMode, schema: schemathesis.BaseSchema
) -> None:
    send_made_up(operation_of(schema, name), mode, examples=500)
