"""A real server of two workers, whose index files are truncated and replaced under it."""

import asyncio
import os
from pathlib import Path

import httpx
import pytest

from serving.index.live_index import FILES_CHANGED
from soundalike.settings import Settings
from soundalike.vectors.artifact_files import INDEX
from tests.damage import overwrite, segment_of
from tests.patience import PATIENCE

from .collection import Collection, numbered
from .server import answering_alone, both_workers, server, workers_of
from .service import eventually, eventually_serves

ASKED = 20  # requests of each worker


@pytest.mark.slow
async def test_workers_survive_truncation_and_answer_exactly(
    settings: Settings, collection: Collection, tmp_path: Path
) -> None:
    tracks = collection.add(*numbered(2000))
    version = collection.publish()
    path = segment_of(collection.store.index(version)) / INDEX
    whole = path.read_bytes()
    async with server(settings, tmp_path / "log", workers=2) as (process, url):
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as api:
            await eventually_serves(api, version)
        await eventually(lambda: _loaded_twice(tmp_path / "log"))
        workers = await both_workers(process.pid)
        for content in (b"", os.urandom(len(whole))):
            overwrite(path, content)
            for worker in workers:
                with answering_alone(worker, process.pid):
                    await _all_exact(url, collection, tracks)
                    await eventually(lambda: _told(url))
                    await _all_exact(url, collection, tracks)
        assert workers_of(process.pid) == workers, "no worker was replaced"


async def _loaded_twice(log: Path) -> bool:
    return log.read_text().count("index.loaded") == 2


async def _told(url: str) -> bool:
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as api:
        ready = await api.get("/health/ready")
    assert ready.status_code == 200
    return ready.json()["problem"] == FILES_CHANGED


async def _all_exact(url: str, collection: Collection, tracks: list[str]) -> None:
    async def ask(track: str) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=60) as api:
            answer = await api.get(f"/v1/tracks/{track}/similar", params={"limit": 5})
        assert answer.status_code == 200
        found = [item["track"]["id"] for item in answer.json()["items"]]
        assert found == collection.nearest(track, tracks, 5)

    await asyncio.gather(*(ask(track) for track in tracks[:ASKED]))
