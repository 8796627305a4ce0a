"""Metrics of a real server of two workers: whichever is asked tells those of both."""

import asyncio
import os
import shutil
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.shared_metrics import FOLDER
from soundalike.settings import Settings
from tests.patience import PATIENCE

from .collection import Collection, numbered
from .server import answering_alone, both_workers, server, workers_of
from .service import eventually, eventually_serves

ASKED = 60
Numbers = dict[tuple[str, str], float]


async def scrape(url: str) -> Numbers:
    """The samples of a worker that a new connection reaches, by name and route."""
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as api:
        text = (await api.get("/metrics")).text
    return {
        (sample.name, sample.labels.get("route", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "le" not in sample.labels
    }


def scraped(url: str, name: str, value: float) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return (await scrape(url)).get((name, "")) == value

    return look


@pytest.mark.parametrize("gunicorn", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.slow
async def test_every_worker_tells_the_same_and_a_worker_that_dies_takes_nothing_along(
    settings: Settings, collection: Collection, tmp_path: Path, gunicorn: bool
) -> None:
    [track, _] = collection.add(*numbered(2))
    version = collection.publish()
    log = tmp_path / "log"
    async with server(settings, log, workers=2, gunicorn=gunicorn) as (process, url):
        await eventually(scraped(url, "soundalike_workers", 2))
        await eventually(scraped(url, "soundalike_index_workers", 2))

        async def ask() -> None:
            async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as api:
                answer = await api.get(f"/v1/tracks/{track}/similar")
                assert answer.status_code == 200

        for worker in await both_workers(process.pid):
            with answering_alone(worker, process.pid):
                await asyncio.gather(*(ask() for _ in range(ASKED // 2)))
        await eventually(scraped(url, "soundalike_search_queries_total", ASKED))
        route = "/v1/tracks/{track_id}/similar"
        for _ in range(20):
            numbers = await scrape(url)
            assert numbers["soundalike_requests_total", route] == ASKED
            assert numbers["soundalike_request_seconds_count", route] == ASKED
            assert numbers["soundalike_search_seconds_count", ""] == ASKED
            assert numbers["soundalike_index_tracks", ""] == 2

        before = workers_of(process.pid)
        os.kill(min(before), signal.SIGKILL)

        async def replaced() -> bool:
            return len(workers_of(process.pid) - before) == 1

        await eventually(replaced)
        await eventually(scraped(url, "soundalike_workers", 2))
        assert (await scrape(url))["soundalike_requests_total", route] == ASKED
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as api:
            await eventually_serves(api, version)


@pytest.mark.slow
async def test_a_worker_that_dies_is_replaced_also_after_the_temporary_folder_was_emptied(
    settings: Settings, tmp_path: Path
) -> None:
    async with server(settings, tmp_path / "log", workers=2) as (process, url):
        await eventually(scraped(url, "soundalike_workers", 2))
        [first, _] = await both_workers(process.pid)
        shutil.rmtree(psutil.Process(first).environ()[FOLDER])
        os.kill(first, signal.SIGKILL)
        await eventually(scraped(url, "soundalike_workers", 1))  # the new one: the other's is gone
        assert first not in await both_workers(process.pid)
