"""What sounds like a track: right answers, and a clear word where there can be none."""

from typing import Any

import pytest
from sqlalchemy import delete

from soundalike.catalog.tables import FileRow, TrackRow, VectorRow

from .collection import Collection, numbered
from .service import ServiceClient, eventually_follows, eventually_serves, problem_of


async def similar(api: ServiceClient, track: str, k: int) -> dict[str, Any]:
    answer = await api.get(f"/v1/tracks/{track}/similar", params={"limit": k})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def ids(body: dict[str, Any]) -> list[str]:
    return [result["track"]["id"] for result in body["items"]]


async def test_neighbours_are_those_of_brute_force_without_the_query(
    api: ServiceClient, collection: Collection
) -> None:
    tracks = collection.add(*numbered(40))
    await eventually_serves(api, version := collection.publish())
    for query in tracks:
        body = await similar(api, query, 7)
        assert ids(body) == collection.nearest(query, tracks, 7)
        assert [result["rank"] for result in body["items"]] == list(range(1, 8))
        assert body["track"]["id"] == query
        assert body["index_version"] == version
    expected = float(collection.vectors[query] @ collection.vectors[ids(body)[0]])
    assert body["items"][0]["score"] == pytest.approx(expected, abs=1e-6)
    alone = (await api.get(f"/v1/tracks/{ids(body)[0]}")).json()
    [file] = alone["files"]
    assert file["path"] == alone["path"]
    assert body["items"][0]["track"] | {"file_tags": {}, "files": [file]} == alone


async def test_k_beyond_the_collection_gives_all_others(
    api: ServiceClient, collection: Collection
) -> None:
    tracks = collection.add(*numbered(3))
    await eventually_serves(api, collection.publish())
    assert set(ids(await similar(api, tracks[0], 200))) == set(tracks[1:])
    default = (await api.get(f"/v1/tracks/{tracks[0]}/similar")).json()
    assert len(default["items"]) == 2


async def test_only_track_of_the_collection_has_no_neighbours(
    api: ServiceClient, collection: Collection
) -> None:
    [track] = collection.add(*numbered(1))
    await eventually_serves(api, collection.publish())
    assert (await similar(api, track, 10))["items"] == []


@pytest.mark.parametrize(
    "limit", ["0", "-1", "201", "1000000000", "abc", "1.5", "NaN", "1e400", ""]
)
async def test_bad_limit_is_422_even_without_an_index(
    limit: str, offline_api: ServiceClient
) -> None:
    problem = problem_of(await offline_api.get(f"/v1/tracks/x/similar?limit={limit}"), 422)
    assert problem["errors"][0]["field"] == "limit"


async def test_unknown_track_is_404(api: ServiceClient, collection: Collection) -> None:
    collection.add(*numbered(1))
    await eventually_serves(api, collection.publish())
    for track_id in ("unknown", "a%00b", "%ED%A0%80"):
        problem = problem_of(await api.get(f"/v1/tracks/{track_id}/similar"), 404)
        assert problem["type"] == "urn:soundalike:problem:unknown-track"


async def test_without_an_index_it_is_503_with_what_to_do(
    api: ServiceClient, collection: Collection
) -> None:
    [track] = collection.add(*numbered(1))
    answer = await api.get(f"/v1/tracks/{track}/similar")
    assert "soundalike ingest FOLDER" in problem_of(answer, 503)["detail"]
    assert answer.headers["retry-after"]


async def test_track_that_came_after_the_index_is_409(
    api: ServiceClient, collection: Collection
) -> None:
    collection.add(*numbered(2))
    await eventually_serves(api, version := collection.publish())
    [late] = collection.add(*numbered(1))
    problem = problem_of(await api.get(f"/v1/tracks/{late}/similar"), 409)
    assert version in problem["detail"]
    assert "added after" in problem["detail"]


async def test_track_that_failed_is_409_with_its_failure(
    api: ServiceClient, collection: Collection
) -> None:
    collection.add(*numbered(2))
    await eventually_serves(api, collection.publish())
    [silent] = collection.add(*numbered(1), embedded=False)
    collection.fail(silent, "no audible window")
    problem = problem_of(await api.get(f"/v1/tracks/{silent}/similar"), 409)
    assert "no audible window" in problem["detail"]


async def test_track_whose_file_is_gone_is_409(api: ServiceClient, collection: Collection) -> None:
    collection.add(*numbered(2))
    await eventually_serves(api, collection.publish())
    [gone] = collection.add(*numbered(1))
    collection.remove(gone)
    await eventually_follows(api, collection.sessions)
    assert "no file" in problem_of(await api.get(f"/v1/tracks/{gone}/similar"), 409)["detail"]


async def test_neighbours_that_left_are_passed_over(
    api: ServiceClient, collection: Collection
) -> None:
    query, *others = collection.add(*numbered(12))
    await eventually_serves(api, collection.publish())
    best, second, *rest = collection.nearest(query, others, 11)
    collection.remove(best)
    _forget(collection, second)
    await eventually_follows(api, collection.sessions)
    body = await similar(api, query, 5)
    assert ids(body) == rest[:5]
    assert [result["rank"] for result in body["items"]] == [1, 2, 3, 4, 5]


async def test_query_that_the_catalog_forgot_is_404(
    api: ServiceClient, collection: Collection
) -> None:
    query, _ = collection.add(*numbered(2))
    await eventually_serves(api, collection.publish())
    _forget(collection, query)
    await eventually_follows(api, collection.sessions)
    problem_of(await api.get(f"/v1/tracks/{query}/similar"), 404)


def _forget(collection: Collection, track_id: str) -> None:
    with collection.sessions.begin() as session:
        session.execute(delete(FileRow).where(FileRow.track_id == track_id))
        session.execute(delete(VectorRow).where(VectorRow.track_id == track_id))
        session.execute(delete(TrackRow).where(TrackRow.id == track_id))
