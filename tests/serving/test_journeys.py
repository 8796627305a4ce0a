"""GET /v1/journeys: from one end to the other, or a word on why not."""

import pytest

from serving.schemas.base import OTHER_TRACK_ID, TRACK_ID

from .collection import Collection, numbered
from .service import ServiceClient, eventually_follows, eventually_serves, problem_of


async def test_a_path_leads_from_one_end_to_the_other(
    api: ServiceClient, collection: Collection
) -> None:
    facts = [{"artist": f"Artist {number % 9}"} for number in range(60)]
    start, end, *others = collection.add(*facts)
    await eventually_serves(api, version := collection.publish())
    for gone in others[:10]:
        collection.remove(gone)
    await eventually_follows(api, collection.sessions)
    query = {"from": start, "to": end, "steps": 8, "per_artist": 1}
    answer = await api.get("/v1/journeys", params=query)
    assert answer.status_code == 200, answer.text
    path = answer.json()
    tracks = [step["track"] for step in path["items"]]
    assert path["index_version"] == version
    assert [step["position"] for step in path["items"]] == list(range(1, 9))
    assert (tracks[0]["id"], tracks[-1]["id"]) == (start, end)
    assert len({track["id"] for track in tracks}) == 8
    assert len({track["artist"] for track in tracks}) == 8
    assert not {track["id"] for track in tracks} & set(others[:10])
    assert path["items"][0]["score_to_previous"] is None
    assert all(-1 <= step["score"] <= 1 for step in path["items"])
    assert len((await api.get("/v1/journeys", params={**query, "steps": 2})).json()["items"]) == 2


async def test_a_path_longer_than_the_collection_is_409(
    api: ServiceClient, collection: Collection
) -> None:
    start, end, *_ = collection.add(*numbered(5))
    await eventually_serves(api, collection.publish())
    query = {"from": start, "to": end}
    assert len((await api.get("/v1/journeys", params={**query, "steps": 5})).json()["items"]) == 5
    problem = problem_of(await api.get("/v1/journeys", params={**query, "steps": 6}), 409)
    assert problem["type"] == "urn:soundalike:problem:too-few-tracks"


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 1}, {"steps": 51}, {"steps": "x"}, {"to": ""}, {"per_artist": 0}, {"to": "x" * 65}],
    ids=str,
)
async def test_a_wrong_path_is_refused(
    wrong: dict[str, str | int], documented: ServiceClient
) -> None:
    path = {"from": TRACK_ID, "to": OTHER_TRACK_ID, **wrong}
    answer = await documented.get("/v1/journeys", params=path)
    if wrong == {"to": ""}:
        assert problem_of(answer, 404)["type"] == "urn:soundalike:problem:unknown-track"
        return
    [error] = problem_of(answer, 422)["errors"]
    assert {error["field"]} == wrong.keys()


async def test_a_path_to_itself_is_refused(api: ServiceClient, collection: Collection) -> None:
    start, _ = collection.add(*numbered(2))
    await eventually_serves(api, collection.publish())
    answer = await api.get("/v1/journeys", params={"from": start, "to": start})
    [error] = problem_of(answer, 422)["errors"]
    assert (error["field"], error["message"]) == ("to", "the journey must end at another track")
    answer = await api.get("/v1/journeys", params={"from": start, "to": "unknown"})
    assert problem_of(answer, 404)["type"] == "urn:soundalike:problem:unknown-track"
