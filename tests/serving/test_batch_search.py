"""POST /v1/search/batch: each search's page is the one that it has alone."""

from typing import Any

import pytest

from serving.limits import MAX_BATCH_RESULTS, MAX_SEARCHES

from .collection import Collection, numbered
from .service import ServiceClient, eventually_follows, eventually_serves, problem_of

ROUTE = "/v1/search/batch"


async def batch(api: ServiceClient, *searches: dict[str, Any]) -> dict[str, Any]:
    answer = await api.post(ROUTE, json={"searches": searches})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_pages_are_those_of_single_searches(
    api: ServiceClient, collection: Collection
) -> None:
    facts = [{"title": f"{n}", "artist": f"Artist {n % 5}", "year": 1990 + n} for n in range(40)]
    one, two, gone, *_ = collection.add(*facts)
    await eventually_serves(api, version := collection.publish())
    collection.remove(gone)
    await eventually_follows(api, collection.sessions)
    searches: list[dict[str, Any]] = [
        {"positive": [one], "limit": 3},
        {"positive": [one, two], "limit": 7, "per_artist": 1},
        {"positive": [two], "negative": [one], "strategy": "best_score", "limit": 50},
        {"vector": collection.vectors[gone].tolist(), "duplicate_threshold": 0.5, "limit": 4},
        {"positive": [one], "filter": {"year_from": 2010}, "diversity": 0.3, "limit": 5},
        {"positive": [one], "score_threshold": 0.99},
    ]
    together = await batch(api, *searches)
    assert together["index_version"] == version
    for search, page in zip(searches, together["items"], strict=True):
        alone = (await api.post("/v1/search", json=search)).json()
        assert {"index_version": version, **page} == alone
    first = together["items"][0]
    following = {**searches[0], "cursor": first["next_cursor"]}
    [page] = (await batch(api, following))["items"]
    assert page == {
        name: value
        for name, value in (await api.post("/v1/search", json=following)).json().items()
        if name != "index_version"
    }


async def test_searches_of_a_batch_share_products_of_the_matrix(
    api: ServiceClient, collection: Collection
) -> None:
    ids = collection.add(*numbered(60))
    await eventually_serves(api, collection.publish())

    async def samples(name: str) -> float:
        lines = (await api.get("/metrics")).text.splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])

    await batch(api, *({"positive": [track], "limit": 20} for track in ids[:20]))
    assert await samples("soundalike_search_seconds_count") == 1


async def test_refused_search_is_named(api: ServiceClient, collection: Collection) -> None:
    known, *_ = collection.add(*numbered(5))
    await eventually_serves(api, collection.publish())
    good = {"positive": [known]}
    answer = await api.post(ROUTE, json={"searches": [good, {"positive": ["nobody"]}]})
    problem = problem_of(answer, 404)
    assert problem["type"].endswith(":unknown-track")
    assert problem["errors"][0]["field"] == "/searches/1"
    for wrong in ({"vector": [1.0, 2.0]}, {**good, "cursor": "x"}, {}):
        answer = await api.post(ROUTE, json={"searches": [good, good, wrong]})
        assert problem_of(answer, 422)["errors"][0]["field"] == "/searches/2"


@pytest.mark.parametrize(
    "searches",
    [
        [],
        [{"positive": ["x"]}] * (MAX_SEARCHES + 1),
        [{"positive": ["x"], "limit": 200}] * (MAX_BATCH_RESULTS // 200 + 1),
        [{"positive": ["x"], "colour": "blue"}],
    ],
    ids=["none", "too many", "too many results", "unknown field"],
)
async def test_batches_are_bounded(
    searches: list[dict[str, Any]], offline_api: ServiceClient
) -> None:
    problem = problem_of(await offline_api.post(ROUTE, json={"searches": searches}), 422)
    assert problem["errors"]
