"""A request's line in the log says in milliseconds how long it took."""

from types import SimpleNamespace
from typing import Any

import pytest

from serving.metrics import Metrics
from serving.middleware import request_log
from serving.middleware.request_log import LogRequests


async def test_the_time_of_a_request_is_in_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [5.0]
    lines: list[dict[str, Any]] = []
    log = SimpleNamespace(info=lambda _event, **fields: lines.append(fields))
    monkeypatch.setattr(request_log, "log", log)
    monkeypatch.setattr(request_log.time, "perf_counter", lambda: now[0])

    async def takes_a_quarter_of_a_second(*_: object) -> None:
        now[0] += 0.25

    logged = LogRequests(takes_a_quarter_of_a_second, Metrics())
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": None}
    await logged(scope, takes_a_quarter_of_a_second, takes_a_quarter_of_a_second)
    assert [line["ms"] for line in lines] == [250.0]
