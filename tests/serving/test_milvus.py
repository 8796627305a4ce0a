"""Answers by way of Milvus must be those of the local index, and say so when there are none."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from soundalike.catalog.engine import Sessions
from soundalike.ingest.publish import publish
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.milvus.collection import PUBLISHED, MilvusCollection, name_of
from soundalike.vectors.milvus.server import Milvus
from tests.milvus import emptied

from .collection import SPACE, Collection, numbered
from .service import ServiceClient, eventually, eventually_serves, problem_of, running

GENRES = ["Fado", "Folk", "Jazz"]


@pytest.fixture
def searched(milvus: Milvus) -> Milvus:
    return emptied(milvus)


@pytest.fixture
def remote_settings(settings: Settings, searched: Milvus) -> Settings:
    found = {"milvus_url": SecretStr(searched._url), "search": "milvus"}
    return settings.model_copy(update=found)


@pytest.fixture
async def remote(
    remote_settings: Settings, collection: Collection, searched: Milvus
) -> AsyncIterator[ServiceClient]:
    """A service over Milvus and a collection that is published there."""
    facts = [
        {"artist": f"Artist {n % 11}", "album": f"Album {n % 17}", "genres": [GENRES[n % 3]]}
        for n in range(120)
    ]
    collection.add(*facts)
    version = published(collection, searched)
    async with running(remote_settings) as api:
        await eventually_serves(api, version)
        yield api


def published(collection: Collection, milvus: Milvus, version: str | None = None) -> str:
    if version is None:
        collection.build()
    return publish(collection.sessions, collection.store, SPACE, version, milvus=milvus).version


async def pages(api: httpx.AsyncClient, search: dict[str, Any]) -> list[Any]:
    """All pages of a search."""
    found = [(await api.post("/v1/search", json=search)).json()]
    while cursor := found[-1].get("next_cursor"):
        found.append((await api.post("/v1/search", json={**search, "cursor": cursor})).json())
    return found


async def test_every_answer_is_that_of_the_local_index(
    remote: ServiceClient, settings: Settings, collection: Collection
) -> None:
    ids = sorted(collection.vectors)
    first, second, third = ids[:3]
    vector = [float(number) for number in collection.vectors[third]]
    searches: list[dict[str, Any]] = [
        {"positive": [first], "limit": 50},
        {"positive": [first, second], "negative": [third], "strategy": "best_score"},
        {"negative": [third], "strategy": "best_score", "limit": 25},
        {"positive": [first], "negative": [second]},
        {"vector": vector, "limit": 7, "filter": {"genres": ["Fado"]}},
        {"vector": vector, "filter": {"genres": ["None"]}},
        {"positive": [first], "filter": {"exclude_ids": ids[10:60]}, "per_artist": 2},
        {"positive": [first], "diversity": 0.4, "duplicate_threshold": 0.9, "per_album": 1},
        {"positive": [first], "score_threshold": 0.3, "limit": 200},
    ]
    async with running(settings) as local:
        await eventually_serves(local, (await remote.get("/v1/index")).json()["version"])
        for search in searches:
            ours, theirs = await pages(local, search), await pages(remote, search)
            assert "items" in ours[0], ours
            assert theirs == ours
        batch = {"searches": searches}
        same = [("post", "/v1/search/batch", batch)]
        same += [("get", f"/v1/tracks/{first}/similar?limit=9", None)]
        same += [("get", f"/v1/tracks/{first}/embedding", None)]
        same += [("get", f"/v1/journeys?from={first}&to={second}&steps=9&per_artist=2", None)]
        same += [("get", f"/v1/journeys?from={first}&to={second}&steps=2", None)]
        same += [("get", "/v1/index", None)]
        for method, path, body in same:
            answers = [
                await api.request(method, path, json=body, headers={"Accept": "application/json"})
                for api in (local, remote)
            ]
            assert answers[0].status_code == 200, answers[0].text
            assert answers[1].json() == answers[0].json(), path


async def test_publications_and_rollbacks_under_load_mix_no_versions(
    remote: ServiceClient, collection: Collection, searched: Milvus
) -> None:
    first = (await remote.get("/v1/index")).json()["version"]
    [track, *_] = sorted(collection.vectors)
    expected = {first: collection.nearest(track, sorted(collection.vectors), 10)}
    seen: list[tuple[str, list[str]]] = []
    done = asyncio.Event()

    async def client() -> None:
        while not done.is_set():
            answer = await remote.get(f"/v1/tracks/{track}/similar?limit=10")
            assert answer.status_code == 200, answer.text
            found = answer.json()
            items = [item["track"]["id"] for item in found["items"]]
            seen.append((found["index_version"], items))

    clients = [asyncio.create_task(client()) for _ in range(3)]
    for _ in range(2):
        collection.add(*numbered(20))
        version = await asyncio.to_thread(published, collection, searched)
        expected[version] = collection.nearest(track, sorted(collection.vectors), 10)
        await eventually_serves(remote, version)
    await asyncio.to_thread(published, collection, searched, first)
    await eventually_serves(remote, first)
    with searched.answering() as milvus:
        assert milvus.describe_alias(PUBLISHED)["collection_name"] == name_of(first)
    done.set()
    await asyncio.gather(*clients)
    assert {version for version, _ in seen} == set(expected)
    assert [items for version, items in seen if items != expected[version]] == []


async def test_a_collection_that_is_gone_is_said_and_refuses_searches(
    remote: ServiceClient, collection: Collection, searched: Milvus
) -> None:
    version = (await remote.get("/v1/index")).json()["version"]
    assert (await remote.get("/health/ready")).json()["problem"] is None
    with searched.answering() as milvus:
        milvus.drop_alias(PUBLISHED)
    MilvusCollection(searched, name_of(version)).drop()
    [track, *_] = collection.vectors
    answer = problem_of(await remote.get(f"/v1/tracks/{track}/similar"), 503)
    assert answer["type"].endswith("milvus-unreachable")
    assert searched.shown not in str(answer)

    async def unready() -> httpx.Response | None:
        ready = await remote.get("/health/ready")
        return ready if ready.status_code == 503 else None

    assert "Milvus" in problem_of(await eventually(unready), 503)["detail"]


async def test_a_version_that_milvus_lacks_is_not_served(
    remote_settings: Settings, collection: Collection
) -> None:
    collection.add(*numbered(3))
    version = collection.publish()  # by a builder that has no Milvus
    async with running(remote_settings) as api:
        detail = problem_of(await api.get("/v1/index"), 503)["detail"]
        assert f"index {version} is published, but not in Milvus" in detail
        assert "materialise published_index" in detail
        body = {"version": version}
        refused = problem_of(await api.post("/v1/index/publications", json=body), 409)
        assert "no collection" in refused["detail"]


async def test_a_milvus_that_is_away_is_told_without_its_address(
    settings: Settings, collection: Collection
) -> None:
    collection.add(*numbered(3))
    collection.publish()
    away = {"milvus_url": SecretStr("http://me:s3cret@127.0.0.1:1"), "search": "milvus"}
    async with running(settings.model_copy(update=away)) as api:
        detail = problem_of(await api.get("/health/ready"), 503)["detail"]
        assert "Milvus does not respond" in detail
        assert "127.0.0.1" not in detail
        assert "s3cret" not in detail


async def test_a_machine_without_the_version_s_files_serves_from_milvus(
    remote_settings: Settings, sessions: Sessions, searched: Milvus, bucket: Any, tmp_path: Path
) -> None:
    builder = Collection(sessions, ArtifactStore(tmp_path / "builder", bucket))
    builder.add(*numbered(12))
    version = published(builder, searched)
    elsewhere = {"data": tmp_path / "elsewhere", "artifacts": bucket.url}
    async with running(remote_settings.model_copy(update=elsewhere)) as api:
        await eventually_serves(api, version)
        [track, *_] = builder.vectors
        found = (await api.get(f"/v1/tracks/{track}/similar?limit=5")).json()["items"]
    ids = [item["track"]["id"] for item in found]
    assert ids == builder.nearest(track, sorted(builder.vectors), 5)
    assert not (tmp_path / "elsewhere" / "segments").exists()
    assert not (tmp_path / "elsewhere" / "cache").exists()
