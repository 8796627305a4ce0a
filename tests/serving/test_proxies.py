"""A client behind a proxy: its address is believed of a trusted proxy, and of nobody else."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from serving.limits import MAX_FAILED_KEYS
from soundalike.settings import Settings

from .conftest import KEY
from .server import server

CLIENT, OTHER, PROXY = "203.0.113.9", "203.0.113.10", "198.51.100.1"


@asynccontextmanager
async def behind(
    proxies: tuple[str, ...], settings: Settings, log: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that trusts these proxies; the client itself is at 127.0.0.1."""
    changed = {"trusted_proxies": proxies, "api_key": SecretStr(KEY)}
    trusting = settings.model_copy(update=changed)
    async with server(trusting, log) as (_, url), httpx.AsyncClient(base_url=url) as api:
        yield api


def clients_logged(log: Path) -> list[str]:
    """The addresses of the requests, but for those that wait until the server is up."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    return [line["client"] for line in requests if line["path"] != "/health/live"]


async def status(api: httpx.AsyncClient, forwarded: str, key: str) -> int:
    headers = {"X-API-Key": key, "X-Forwarded-For": forwarded}
    return (await api.get("/metrics", headers=headers)).status_code


async def test_a_trusted_proxy_says_who_its_client_is(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with behind(("127.0.0.1", PROXY), settings, log) as api:
        for _ in range(MAX_FAILED_KEYS):
            assert await status(api, CLIENT, "wrong") == 401
        assert await status(api, CLIENT, "wrong") == 429
        assert await status(api, OTHER, "wrong") == 401, "another client is not held up"
        # What a client claims itself stands before what the proxies say.
        assert await status(api, f"{OTHER}, {CLIENT}, {PROXY}", "wrong") == 429
    assert clients_logged(log) == [*[CLIENT] * (MAX_FAILED_KEYS + 1), OTHER, CLIENT]


@pytest.mark.slow
@pytest.mark.parametrize("proxies", [(PROXY,), ()])
async def test_nobody_else_does(
    proxies: tuple[str, ...], settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    async with behind(proxies, settings, log) as api:
        for number in range(MAX_FAILED_KEYS):
            assert await status(api, f"203.0.113.{number}", "wrong") == 401
        assert await status(api, CLIENT, "wrong") == 429, "another name, the same sender"
    assert clients_logged(log) == ["127.0.0.1"] * (MAX_FAILED_KEYS + 1)
