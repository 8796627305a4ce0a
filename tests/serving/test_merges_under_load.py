"""200 swaps and 20 merges while clients search: no request fails, and no answer is wrong."""

import asyncio
from itertools import cycle

import pytest

from soundalike.ingest import segments as segments_module
from soundalike.ingest.merge import merge_segments
from soundalike.vectors.tiers import FAN_OUT

from .collection import SPACE, Collection, numbered
from .service import ServiceClient, eventually, eventually_serves

SWAPS, MERGES, CLIENTS, ALBUM, K = 200, 20, 4, 3, 10
Answer = tuple[str, str, list[str]]  # the version, the example, and the ids that are similar


@pytest.mark.slow
async def test_no_swap_and_no_merge_is_noticed(
    api: ServiceClient, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments_module, "TRAINED_ON", (20,))  # so that albums keep the quantizer
    collection.kind = "flat+pq"
    examples = collection.add(*numbered(30))
    versions = {collection.publish(): list(collection.vectors)}
    await eventually_serves(api, next(iter(versions)))
    answers: list[Answer] = []
    failed: list[str] = []
    swaps = merges = 0

    async def client(number: int) -> None:
        for track in cycle(examples[number:] + examples[:number]):
            if swaps >= SWAPS and merges >= MERGES:
                return
            answer = await api.get(f"/v1/tracks/{track}/similar", params={"limit": K})
            if answer.status_code == 200:
                found = answer.json()
                ids = [item["track"]["id"] for item in found["items"]]
                answers.append((found["index_version"], track, ids))
            else:
                failed.append(answer.text)

    async def publish(version: str | None = None) -> None:
        nonlocal swaps
        published = await asyncio.to_thread(collection.publish, version)
        versions.setdefault(published, list(collection.vectors))
        await eventually_serves(api, published)
        swaps += 1

    async def merge() -> None:
        nonlocal merges
        report = await asyncio.to_thread(
            merge_segments, collection.sessions, collection.store, SPACE
        )
        assert report.segment
        names = {report.segment.name}
        await eventually(lambda: _serves_segments(api, names))
        merges += 1

    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(client(number))
        for _ in range(MERGES):
            for _ in range(FAN_OUT - 1):  # beside what became of the ones before
                collection.add(*numbered(ALBUM))
                await publish()
            await merge()
            newest, older = list(versions)[-1], list(versions)[-3]
            for _ in range((SWAPS // MERGES - FAN_OUT + 1) // 2):  # back, and forth
                await publish(older)
                await publish(newest)
        while swaps < SWAPS:
            await publish(list(versions)[-1 - swaps % 2])

    assert not failed
    served = {version for version, _, _ in answers}
    assert len(served) > MERGES
    expected = {
        (version, track): collection.nearest(track, versions[version], K)
        for version, track, _ in answers
    }
    assert [each for each in answers if each[2] != expected[each[:2]]] == []
    assert (swaps, merges) == (SWAPS, MERGES)


async def _serves_segments(api: ServiceClient, names: set[str]) -> bool:
    return api.live.served is not None and api.live.served.index.segment_names == names
