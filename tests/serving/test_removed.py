"""`removed`: a list that is shorter than asked for says why."""

from typing import Any

import pytest

from .collection import Collection, numbered
from .service import ServiceClient, eventually_follows, eventually_serves

NOTHING = {
    "filter": 0,
    "exclude_ids": 0,
    "score_threshold": 0,
    "no_file": 0,
    "duplicate_threshold": 0,
    "per_artist": 0,
    "per_album": 0,
}


async def similar(api: ServiceClient, track: str, **options: Any) -> dict[str, Any]:
    answer = await api.get(f"/v1/tracks/{track}/similar", params=options)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_short_list_explains_itself(api: ServiceClient, collection: Collection) -> None:
    facts = [
        {"artist": "A" if n < 10 else "B", "album": "One", "year": 2000 + n % 2} for n in range(20)
    ]
    query, gone, *others = collection.add(*facts)
    await eventually_serves(api, collection.publish())
    collection.remove(gone)
    await eventually_follows(api, collection.sessions)
    everything = await similar(api, query, limit=200)
    assert everything["removed"] == {**NOTHING, "no_file": 1}
    assert len(everything["items"]) == 18
    few = await similar(api, query, limit=200, per_artist=3)
    assert len(few["items"]) == 6
    assert few["removed"] == {**NOTHING, "no_file": 1, "per_artist": 12}
    albums = await similar(api, query, limit=200, per_artist=5, per_album=2, exclude_ids=others[0])
    assert len(albums["items"]) == 4
    assert albums["removed"]["per_album"] == 13
    assert albums["removed"]["exclude_ids"] == 1
    high = await similar(api, query, limit=200, score_threshold=0.999999, year_from=2001)
    assert high["items"] == []
    assert high["removed"] == {**NOTHING, "filter": 10, "score_threshold": 10}


@pytest.mark.slow
async def test_pages_count_what_would_come_above_their_end(
    api: ServiceClient, collection: Collection
) -> None:
    query, *_ = collection.add(*({"artist": f"Artist {n % 4}"} for n in range(60)))
    await eventually_serves(api, collection.publish())
    everything = await similar(api, query, limit=200, per_artist=5)
    ranks = {track: rank for rank, track in enumerate(ids(await similar(api, query, limit=200)))}
    seen, cursor = 0, {}
    while True:
        page = await similar(api, query, limit=4, per_artist=5, **cursor)
        seen += len(page["items"])
        if page["next_cursor"] is None:
            break
        last = ranks[page["items"][-1]["track"]["id"]]
        assert page["removed"] == {**NOTHING, "per_artist": last + 1 - seen}
        cursor = {"cursor": page["next_cursor"]}
    assert page["removed"] == everything["removed"] == {**NOTHING, "per_artist": 59 - 20}


@pytest.mark.slow
async def test_journeys_count_what_they_pass_over(
    api: ServiceClient, collection: Collection
) -> None:
    start, *_, end = collection.add(*numbered(12, artist="One"), *numbered(12, artist="Two"))
    await eventually_serves(api, collection.publish())
    ends = {"from": start, "to": end}
    free = (await api.get("/v1/journeys", params={**ends, "steps": 4})).json()
    assert free["removed"] == {"no_file": 0, "per_artist": 0}
    for track in [step for step in ids(free) if step not in ends.values()]:
        collection.remove(track)
    await eventually_follows(api, collection.sessions)
    without = (await api.get("/v1/journeys", params={**ends, "steps": 4})).json()
    assert without["removed"] == {"no_file": 2, "per_artist": 0}
    capped = (await api.get("/v1/journeys", params={**ends, "steps": 4, "per_artist": 2})).json()
    artists = [step["track"]["artist"] for step in capped["items"]]
    assert sorted(artists) == ["One", "One", "Two", "Two"]


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["track"]["id"] for item in answer["items"]]
