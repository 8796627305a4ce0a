"""Correlation ids, access log and metrics: what an operator needs when something is wrong."""

import json
import uuid
from typing import Any

import httpx
import pytest

from soundalike.settings import Settings

from .collection import Collection, numbered
from .conftest import KEY
from .service import eventually_serves, running


async def test_correlation_id_is_echoed(offline_api: httpx.AsyncClient) -> None:
    for given in ("abc-123", uuid.uuid4().hex, str(uuid.uuid4())):
        answer = await offline_api.get("/health/live", headers={"X-Request-ID": given})
        assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", [b"a\tb", b"x" * 129, b"<script>", "ü".encode()])
async def test_unsafe_correlation_id_is_replaced(
    given: bytes, offline_api: httpx.AsyncClient
) -> None:
    answer = await offline_api.get("/health/live", headers={b"X-Request-ID": given})
    assert uuid.UUID(answer.headers["x-request-id"])


async def test_each_request_has_its_own_id(offline_api: httpx.AsyncClient) -> None:
    answers = [await offline_api.get("/health/live") for _ in range(3)]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3


def requests_logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [line for line in lines if line["event"] == "request"]


async def test_access_log_has_one_line_a_request_by_route(
    offline: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(offline) as api:
        await api.get(
            "/v1/tracks/no%0Asuch", headers={"X-API-Key": KEY, "X-Request-ID": "look-here"}
        )
    [line] = requests_logged(capsys)
    assert line.pop("ms") >= 0
    assert line.pop("timestamp")
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "serving.middleware.request_log",
        "client": "127.0.0.1",
        "key": "SOUNDALIKE_API_KEY",
        "correlation_id": "look-here",
        "method": "GET",
        "route": "/v1/tracks/{track_id}",
        "path": "/v1/tracks/no%0Asuch",
        "status": 503,
    }


@pytest.mark.slow
async def test_metrics_count_by_route_and_clients_cannot_add_labels(
    api: httpx.AsyncClient, collection: Collection
) -> None:
    [track, _] = collection.add(*numbered(2))
    await eventually_serves(api, version := collection.publish())
    await api.get(f"/v1/tracks/{track}/similar")
    for number in range(3):
        await api.get(f"/made/up/{number}")
    numbers = (await api.get("/metrics")).text
    similar = 'route="/v1/tracks/{track_id}/similar"'
    assert f'soundalike_requests_total{{{similar},status="200"}} 1.0' in numbers
    assert f"soundalike_request_seconds_count{{{similar}}} 1.0" in numbers
    assert 'soundalike_requests_total{route="other",status="404"} 3.0' in numbers
    assert "/made/up" not in numbers
    assert "soundalike_search_seconds_count 1.0" in numbers
    assert "soundalike_search_queries_total 1.0" in numbers
    assert "soundalike_search_batches_total 1.0" in numbers
    assert "soundalike_index_tracks 2.0" in numbers
    assert f'version="{version}"}} 1.0' in numbers
    assert "soundalike_search_queued 0.0" in numbers
    assert 'soundalike_database_connections{state="in use"} 0.0' in numbers
    assert "soundalike_workers 1.0" in numbers
    assert "soundalike_uploads_in_progress 0.0" in numbers
    assert 'soundalike_decoder_processes{state="busy"} 0.0' in numbers
    collection.add(*numbered(1))
    await eventually_serves(api, newer := collection.publish())
    numbers = (await api.get("/metrics")).text
    assert f'version="{version}"}} 0.0' in numbers
    assert f'version="{newer}"}} 1.0' in numbers
    assert "soundalike_index_load_failures_total 0.0" in numbers
    assert "soundalike_index_problem 0.0" in numbers
