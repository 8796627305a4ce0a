"""A new version is served without restart, and no request notices."""

import asyncio
from typing import Any

import httpx
import pytest

from .collection import SPACE, Collection, numbered
from .service import eventually, eventually_serves, problem_of

VERSIONS = 20


async def test_ready_turns_from_503_to_200_without_restart(
    api: httpx.AsyncClient, collection: Collection
) -> None:
    problem = problem_of(await api.get("/health/ready"), 503)
    assert "soundalike ingest FOLDER" in problem["detail"]
    problem_of(await api.get("/v1/index"), 503)

    collection.add(*numbered(3))
    version = collection.publish()
    await eventually_serves(api, version)
    ready = (await api.get("/health/ready")).json()
    assert ready == {"status": "ready", "index_version": version, "problem": None}


async def test_index_says_what_it_is(api: httpx.AsyncClient, collection: Collection) -> None:
    collection.add(*numbered(3))
    version = collection.publish()
    await eventually_serves(api, version)
    index = (await api.get("/v1/index")).json()
    assert index.pop("created_at") < index.pop("published_at")
    assert index == {
        "version": version,
        "space": "made.up-" + index["space"][-8:],
        "model": "made-up",
        "dimension": 8,
        "kind": "flat",
        "tracks": 3,
        "dagster_run_id": "run-1",
    }


@pytest.mark.slow
async def test_rollback_is_followed(api: httpx.AsyncClient, collection: Collection) -> None:
    collection.add(*numbered(2))
    old = collection.publish()
    collection.add(*numbered(2))
    new = collection.publish()
    await eventually_serves(api, new)
    collection.publish(old)
    await eventually_serves(api, old)
    assert (await api.get("/health/ready")).json()["problem"] is None


async def test_damaged_index_is_refused_while_the_old_one_answers(
    api: httpx.AsyncClient, collection: Collection
) -> None:
    [track, *_] = collection.add(*numbered(3))
    old = collection.publish()
    collection.add(*numbered(2))
    new = collection.build()
    whole = collection.damage(new)
    await eventually_serves(api, old)
    collection.publish_unchecked(new)

    async def refused() -> str | None:
        problem: str | None = (await api.get("/health/ready")).json()["problem"]
        return problem

    problem = await eventually(refused)
    assert new in problem
    assert "the log has the cause" in problem
    assert str(collection.store.root) not in problem
    similar = (await api.get(f"/v1/tracks/{track}/similar")).json()
    assert similar["index_version"] == old
    numbers = (await api.get("/metrics")).text
    assert f'soundalike_index_workers{{space="{SPACE.key}",version="{old}"}} 1.0' in numbers
    assert "soundalike_index_problem 1.0" in numbers

    collection.repair(new, whole)
    collection.publish_unchecked(new)
    await eventually_serves(api, new)


@pytest.mark.slow
async def test_swap_under_load_fails_no_request_and_mixes_no_versions(
    api: httpx.AsyncClient, collection: Collection
) -> None:
    """Every answer is what brute force finds among the tracks of the version that it names."""
    ids = collection.add(*numbered(30))
    query = ids[0]
    tracks_of = {collection.publish(): ids}
    await eventually_serves(api, next(iter(tracks_of)))
    answers: list[httpx.Response] = []
    done = asyncio.Event()

    async def ask() -> None:
        while not done.is_set():
            answers.append(await api.get(f"/v1/tracks/{query}/similar", params={"limit": 5}))

    def publish_one_more() -> str:
        tracks_of_new = [*tracks_of[last], *collection.add(*numbered(1))]
        version = collection.publish()
        tracks_of[version] = tracks_of_new
        return version

    async with asyncio.TaskGroup() as clients:
        for _ in range(2):
            clients.create_task(ask())
        for _ in range(VERSIONS):
            last = next(reversed(tracks_of))
            await eventually_serves(api, await asyncio.to_thread(publish_one_more))
        done.set()

    assert [answer.status_code for answer in answers] == [200] * len(answers)
    expected = {
        version: collection.nearest(query, among, 5) for version, among in tracks_of.items()
    }
    bodies = [answer.json() for answer in answers]
    for body in bodies:
        assert _ids(body) == expected[body["index_version"]]
    assert len({body["index_version"] for body in bodies}) > VERSIONS / 2


def _ids(similar: dict[str, Any]) -> list[str]:
    return [result["track"]["id"] for result in similar["items"]]
