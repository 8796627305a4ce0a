"""POST /v1/search: right answers, rules that hold, and a problem for every wrong question."""

from typing import Any

import numpy as np
import pytest

from serving import limits
from soundalike.embedders.base import PredictedTag
from soundalike.vectors.limits import MAX_EXAMPLES

from .collection import Collection, numbered
from .service import ServiceClient, eventually_follows, eventually_serves, problem_of


async def search(api: ServiceClient, **body: Any) -> dict[str, Any]:
    answer = await api.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(body: dict[str, Any]) -> list[str]:
    return [result["track"]["id"] for result in body["items"]]


def best(collection: Collection, query: Any, among: list[str]) -> list[str]:
    return sorted(among, key=lambda track: (-float(collection.vectors[track] @ query), track))


async def test_examples_are_averaged_as_qdrant_does(
    api: ServiceClient, collection: Collection
) -> None:
    one, two, unlike, *others = collection.add(*numbered(40))
    await eventually_serves(api, version := collection.publish())
    found = await search(api, positive=[one, two], negative=[unlike], limit=12)
    vectors = collection.vectors
    query = vectors[one] + vectors[two] - vectors[unlike]  # 2 * mean of two - mean of one
    assert ids(found) == best(collection, query, others)[:12]
    assert found["index_version"] == version
    cosine = float(query @ vectors[ids(found)[0]] / np.linalg.norm(query))
    assert found["items"][0]["score"] == pytest.approx(cosine, abs=1e-6)
    percentiles = [result["percentile"] for result in found["items"]]
    assert percentiles == sorted(percentiles, reverse=True)
    assert all(0 <= percentile <= 100 for percentile in percentiles)


async def test_best_score_is_that_of_qdrant(api: ServiceClient, collection: Collection) -> None:
    one, two, unlike, *others = collection.add(*numbered(40))
    await eventually_serves(api, collection.publish())
    found = await search(
        api, positive=[one, two], negative=[unlike], strategy="best_score", limit=200
    )
    vectors = collection.vectors

    def score(track: str) -> float:
        like = max(float(vectors[one] @ vectors[track]), float(vectors[two] @ vectors[track]))
        far = float(vectors[unlike] @ vectors[track])
        return like if like > far else -far * far

    assert ids(found) == sorted(others, key=lambda track: -score(track))
    assert [result["score"] for result in found["items"]] == pytest.approx(
        [score(track) for track in ids(found)], abs=1e-6
    )


async def test_a_vector_is_an_example_of_any_length(
    api: ServiceClient, collection: Collection
) -> None:
    tracks = collection.add(*numbered(20))
    await eventually_serves(api, collection.publish())
    vector = [float(number) * 1e-30 for number in collection.vectors[tracks[3]]]
    found = await search(api, vector=vector, limit=5)
    assert ids(found) == best(collection, collection.vectors[tracks[3]], tracks)[:5]
    assert ids(found)[0] == tracks[3], "a vector excludes nobody"


async def test_filters_hold_and_the_best_within_them_are_found(
    api: ServiceClient, collection: Collection
) -> None:
    facts = [
        {
            "artist": f"Artist {number % 3}",
            "year": 1990 + number % 20,
            "genre": ["Jazz", "Rock"][number % 2],
            "tags": (PredictedTag("piano" if number % 4 else "drums", 0.5),),
            "path": f"{'abc'[number % 3]}/{number}.flac".encode(),
        }
        for number in range(120)
    ]
    seed, *others = collection.add({"title": "Seed"}, *facts)
    of = dict(zip(others, facts, strict=True))
    await eventually_serves(api, collection.publish())
    order = best(collection, collection.vectors[seed], others)

    def expect(passes: Any) -> list[str]:
        return [track for track in order if passes(of[track])][:7]

    for given, passes in (
        ({"artists": ["ARTIST 1"]}, lambda f: f["artist"] == "Artist 1"),
        ({"year_from": 1995, "year_to": 1996}, lambda f: f["year"] in (1995, 1996)),
        ({"genres": ["jazz"], "tags": ["drums"]}, lambda f: f["tags"][0].word == "drums"),
        ({"path_prefix": "b/"}, lambda f: f["path"][:2] == b"b/"),
        ({"ids": others[:9], "exclude_ids": others[:2]}, lambda f: f in facts[2:9]),
        ({"artists": ["nobody"]}, lambda _: False),
    ):
        found = await search(api, positive=[seed], filter=given, limit=7)
        assert ids(found) == expect(passes), given
    flat = {"artists": ["artist 2"], "year_from": 1999, "limit": 4}
    answer = await api.get(f"/v1/tracks/{seed}/similar", params=flat)
    assert (
        ids(answer.json())
        == [
            track
            for track in order
            if of[track]["artist"] == "Artist 2" and of[track]["year"] >= 1999
        ][:4]
    )


async def test_a_filter_shows_no_track_that_left(
    api: ServiceClient, collection: Collection
) -> None:
    seed, *others = collection.add(*numbered(30, year=1970))
    await eventually_serves(api, collection.publish())
    for gone in others[:25]:
        collection.remove(gone)
    await eventually_follows(api, collection.sessions)
    found = await search(api, positive=[seed], filter={"year_from": 1970}, limit=5)
    assert set(ids(found)) == set(others[25:])


async def test_no_list_is_full_of_one_artist_or_album(
    api: ServiceClient, collection: Collection
) -> None:
    facts = [
        {"artist": f"Artist {number // 60}", "album": f"Album {number % 2}"}
        for number in range(180)
    ]
    seed, *others = collection.add({"title": "Seed"}, *facts)
    of = dict(zip(others, facts, strict=True))
    await eventually_serves(api, collection.publish())
    for caps in ({"per_artist": 2}, {"per_album": 1}, {"per_artist": 3, "per_album": 2}):
        found = ids(await search(api, positive=[seed], limit=50, **caps))
        expected: list[str] = []
        for track in best(collection, collection.vectors[seed], others):
            artists = sum(of[t]["artist"] == of[track]["artist"] for t in expected)
            albums = sum(of[t] == of[track] for t in expected)
            if artists < caps.get("per_artist", 99) and albums < caps.get("per_album", 99):
                expected.append(track)
        assert found == expected


@pytest.mark.slow
async def test_pages_with_rules_and_departures_hold_everything_once(
    api: ServiceClient, collection: Collection
) -> None:
    facts = [{"artist": f"Artist {number % 30}"} for number in range(150)]
    seed, *others = collection.add({"title": "Seed"}, *facts)
    await eventually_serves(api, collection.publish())
    for gone in others[:40]:
        collection.remove(gone)
    await eventually_follows(api, collection.sessions)
    for rules in ({}, {"per_artist": 2}, {"diversity": 0.5}, {"duplicate_threshold": 0.9}):
        whole = await search(api, positive=[seed], limit=200, **rules)
        paged: list[str] = []
        ranks: list[int] = []
        cursor = None
        while True:
            page = await search(api, positive=[seed], limit=9, cursor=cursor, **rules)
            paged += ids(page)
            ranks += [result["rank"] for result in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert paged == ids(whole)
        assert ranks == list(range(1, len(paged) + 1))
        assert not set(paged) & {seed, *others[:40]}


async def test_a_cursor_ends_with_its_version(api: ServiceClient, collection: Collection) -> None:
    seed, *_ = collection.add(*numbered(30))
    await eventually_serves(api, collection.publish())
    cursor = (await search(api, positive=[seed], limit=5))["next_cursor"]
    collection.add(*numbered(1))
    await eventually_serves(api, collection.publish())
    answer = await api.post("/v1/search", json={"positive": [seed], "limit": 5, "cursor": cursor})
    assert problem_of(answer, 409)["type"] == "urn:soundalike:problem:index-changed"


WRONG: list[dict[str, Any]] = [
    {},
    {"positive": []},
    {"negative": ["x"]},
    {"positive": ["x"], "limit": 0},
    {"positive": ["x"], "limit": 201},
    {"positive": ["x"], "limit": "many"},
    {"positive": ["x"] * (MAX_EXAMPLES + 1)},
    {"positive": ["x" * (limits.MAX_ID_LENGTH + 1)]},
    {"positive": ["a\0b"]},
    {"positive": ["x"], "strategy": "guess"},
    {"positive": ["x"], "colour": "blue"},
    {"positive": ["x"], "filter": {"colour": "blue"}},
    {"positive": ["x"], "filter": {"year_from": -1}},
    {"positive": ["x"], "filter": {"year_from": 10**30}},
    {"positive": ["x"], "filter": {"artists": ["a\0"]}},
    {"positive": ["x"], "filter": {"tags": ["a"] * (limits.MAX_NAMES + 1)}},
    {"positive": ["x"], "filter": {"ids": ["a"] * (limits.MAX_IDS + 1)}},
    {"positive": ["x"], "filter": {"path_prefix": "a" * (limits.MAX_PATH_LENGTH + 1)}},
    {"positive": ["x"], "per_artist": 0},
    {"positive": ["x"], "duplicate_threshold": 1.5},
    {"positive": ["x"], "diversity": -0.1},
    {"positive": ["x"], "cursor": "not one"},
    {"vector": []},
    {"vector": [0.0] * 8},
    {"vector": ["a"]},
    {"vector": [0.1] * (limits.MAX_DIMENSION + 1)},
]


@pytest.mark.parametrize("body", WRONG, ids=lambda body: repr(body)[:60])
async def test_a_wrong_question_is_422(body: dict[str, Any], documented: ServiceClient) -> None:
    problem_of(await documented.post("/v1/search", json=body), 422)


@pytest.mark.parametrize(
    "body",
    [
        *('{"vector": [NaN]}', '{"vector": [Infinity]}', '{"vector": [1e400]}'),
        *('{"positive": ["\\ud800"]}', '{"positive": ["x"], "diversity": NaN}', "[1]", ""),
        '{"positive": ["x"], "filter": {"artists": ["\\udfff"]}}',
    ],
    ids=lambda body: body[:40],
)
async def test_what_is_no_json_of_ours_is_422(body: str, offline_api: ServiceClient) -> None:
    headers = {"content-type": "application/json"}
    problem_of(await offline_api.post("/v1/search", content=body, headers=headers), 422)


async def test_a_body_that_is_no_json_too_deep_or_too_large_is_refused(
    offline_api: ServiceClient,
) -> None:
    headers = {"content-type": "application/json"}
    for body, status in (
        ("[" * 100_000, 400),
        ("{", 400),
        ("\xff", 400),
        (" " * (limits.MAX_BODY_BYTES + 1), 413),
    ):
        answer = await offline_api.post("/v1/search", content=body, headers=headers)
        problem_of(answer, status)


async def test_a_vector_of_another_space_is_422(api: ServiceClient, collection: Collection) -> None:
    collection.add(*numbered(2))
    await eventually_serves(api, collection.publish())
    problem = problem_of(await api.post("/v1/search", json={"vector": [1.0] * 9}), 422)
    assert "8 dimensions" in problem["detail"]


async def test_examples_that_cancel_out_are_422(api: ServiceClient, collection: Collection) -> None:
    track, _ = collection.add(*numbered(2))
    await eventually_serves(api, collection.publish())
    opposite = [-float(number) for number in collection.vectors[track]]
    answer = await api.post("/v1/search", json={"positive": [track], "vector": opposite})
    assert problem_of(answer, 422)["type"] == "urn:soundalike:problem:no-direction"


async def test_an_example_that_nobody_knows_is_404_and_a_late_one_409(
    api: ServiceClient, collection: Collection
) -> None:
    track, _ = collection.add(*numbered(2))
    await eventually_serves(api, collection.publish())
    problem_of(await api.post("/v1/search", json={"positive": [track, "unknown"]}), 404)
    [late] = collection.add(*numbered(1))
    body = {"positive": [track], "negative": [late]}
    problem_of(await api.post("/v1/search", json=body), 409)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"duplicate_threshold": 0.9}, {"diversity": 0.4}], ids=str)
async def test_nothing_below_the_score_threshold(
    options: dict[str, float], api: ServiceClient, collection: Collection
) -> None:
    seed, *_ = collection.add(*numbered(60))
    await eventually_serves(api, collection.publish())
    whole = await search(api, positive=[seed], limit=200, **options)
    scores = sorted((item["score"] for item in whole["items"]), reverse=True)
    threshold = scores[20]
    found = await search(api, positive=[seed], limit=200, score_threshold=threshold, **options)
    assert sorted((item["score"] for item in found["items"]), reverse=True) == scores[:21]
    assert found["next_cursor"] is None


@pytest.mark.slow
async def test_a_score_threshold_over_a_filter_that_leaves_nothing(
    api: ServiceClient, collection: Collection
) -> None:
    seed, *_ = collection.add(*numbered(3))
    await eventually_serves(api, collection.publish())
    nobody = {"artists": ["nobody"]}
    found = await search(api, positive=[seed], filter=nobody, score_threshold=0.5)
    assert (found["items"], found["next_cursor"]) == ([], None)


async def test_pages_of_similar_are_those_of_the_search(
    api: ServiceClient, collection: Collection
) -> None:
    seed, *_ = collection.add(*numbered(30, year=1970))
    await eventually_serves(api, collection.publish())
    first = (await api.get(f"/v1/tracks/{seed}/similar?limit=9&year_from=1960")).json()
    again = {"limit": 30, "year_from": 1960, "cursor": first["next_cursor"]}
    second = (await api.get(f"/v1/tracks/{seed}/similar", params=again)).json()
    assert second["next_cursor"] is None
    whole = await search(api, positive=[seed], filter={"year_from": 1960}, limit=50)
    assert ids(first) + ids(second) == ids(whole)
    body = {"positive": [seed], "filter": {"year_from": 1960}, "cursor": first["next_cursor"]}
    assert ids(await search(api, limit=30, **body)) == ids(second)
    other = await api.get(f"/v1/tracks/{seed}/similar", params={**again, "year_from": 1961})
    problem_of(other, 422)
