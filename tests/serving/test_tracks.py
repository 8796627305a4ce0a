"""Listing and finding tracks: pages that miss nothing, words that mean themselves."""

import base64
import json
from typing import Any

import httpx
import pytest

from soundalike.embedders.base import PredictedTag

from .collection import Collection, numbered
from .service import eventually_serves, problem_of


async def pages(api: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    """Every page, by its cursors."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await api.get("/v1/tracks", params={**params, **cursor})
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        if found[-1]["next_cursor"] is None:
            return found
        cursor = {"cursor": found[-1]["next_cursor"]}


def titles(page: dict[str, Any]) -> list[str]:
    return [item["title"] for item in page["items"]]


@pytest.mark.parametrize("limit", [1, 3, 7, 8, 200])
async def test_pages_visit_every_track_once_and_in_order(
    limit: int, api: httpx.AsyncClient, collection: Collection
) -> None:
    same = {"artist": "Zoë", "album": "One"}
    collection.add(
        {"title": "b", **same},
        {"title": "A", **same},
        {"title": "A", **same},
        {"title": "😀 c", **same},
        {"title": "x" * 400, **same},
        {"title": "no artist"},
        {"title": "y", "artist": "aba"},
    )
    found = await pages(api, limit=limit)
    items = [item for page in found for item in page["items"]]
    assert [item["title"] for item in items] == [
        *("no artist", "y", "A", "A", "b", "x" * 400, "😀 c")
    ]
    assert len({item["id"] for item in items}) == 7
    assert {page["total"] for page in found} == {7}
    assert {len(page["items"]) for page in found[:-1]} <= {limit}


async def test_track_is_shown_whole(api: httpx.AsyncClient, collection: Collection) -> None:
    [track] = collection.add(
        {
            "title": "Saudade",
            "artist": "Ana Lua feat. Rui",
            "artists": ["Ana Lua", "Rui"],
            "album": "Marés",
            "genre": "Fado; Folk",
            "genres": ["Fado", "Folk"],
            "year": 2011,
            "file_tags": {"track": 3, "composers": ["Rui"]},
            "path": "Ana Lua/Marés/03 Saudade.flac".encode(),
        }
    )
    assert (await api.get(f"/v1/tracks/{track}")).json() == {
        "id": track,
        "title": "Saudade",
        "artist": "Ana Lua feat. Rui",
        "artists": ["Ana Lua", "Rui"],
        "album": "Marés",
        "genre": "Fado; Folk",
        "genres": ["Fado", "Folk"],
        "year": 2011,
        "duration": 30.0,
        "decoded_share": None,
        "root": "music",
        "path": "Ana Lua/Marés/03 Saudade.flac",
        "location": "/music/Ana Lua/Marés/03 Saudade.flac",
        "tags": [{"word": "acoustic", "weight": 0.75}],
        "files": [
            {
                "root": "music",
                "path": "Ana Lua/Marés/03 Saudade.flac",
                "location": "/music/Ana Lua/Marés/03 Saudade.flac",
            }
        ],
        "file_tags": {"track": 3, "composers": ["Rui"]},
    }


async def test_path_that_is_not_utf8_is_shown_escaped(
    api: httpx.AsyncClient, collection: Collection
) -> None:
    [track] = collection.add({"path": b"caf\xe9\n.mp3"})
    assert (await api.get(f"/v1/tracks/{track}")).json()["path"] == "caf\\xe9\n.mp3"


FOUND = {
    "100%": ["100% Pure"],
    "%": ["100% Pure"],
    "_": ["snake_case"],
    "e_c": [],
    "snake_ca": ["snake_case"],
    "nake": ["snake_case"],
    "\\": ["back\\slash"],
    "/": ["AC/DC"],
    "'; drop table tracks; --": [],
    "pure LOUD": ["100% Pure"],
    "pure quiet": [],
    "  ": ["100% Pure", "AC/DC", "back\\slash", "snake_case"],
    "in-the-path": ["AC/DC"],
    "ÉTÉ": ["100% Pure"],
}


async def test_query_means_its_words_and_not_patterns(
    api: httpx.AsyncClient, collection: Collection
) -> None:
    collection.add(
        {"title": "100% Pure", "album": "Loud", "artist": "L'été"},
        {"title": "snake_case"},
        {"title": "back\\slash"},
        {"title": "AC/DC", "path": b"in-the-path.flac"},
    )
    pages_of = {query: await pages(api, q=query) for query in FOUND}
    assert {query: sorted(titles(page)) for query, [page] in pages_of.items()} == FOUND
    assert all(page["total"] == len(FOUND[query]) for query, [page] in pages_of.items())


@pytest.mark.parametrize("limit", [1, 2, 5, 200])
async def test_the_best_matches_come_first_on_whichever_page(
    limit: int, api: httpx.AsyncClient, collection: Collection
) -> None:
    collection.add(
        {"title": "Stück 15", "artist": "a"},
        {"title": "5 for a Stück", "artist": "b"},
        {"title": "Stück 5", "artist": "z"},
        {"title": "stuck 5", "artist": "c"},
        {"title": "Das Stück 5", "artist": "d"},
        {"title": "Stücke, Nr. 5", "artist": "a"},
    )
    found = await pages(api, q="Stück 5", limit=limit)
    assert [title for page in found for title in titles(page)] == [
        *("Stück 5", "stuck 5", "Das Stück 5", "5 for a Stück", "Stücke, Nr. 5")
    ]
    assert {page["total"] for page in found} == {5}


async def test_a_near_miss_is_offered(api: httpx.AsyncClient, collection: Collection) -> None:
    collection.add({"title": "Guaglione", "artist": "Perez Prado"}, *numbered(3))
    near = (await api.get("/v1/tracks", params={"q": "peres prado guaglone"})).json()
    assert (near["total"], near["did_you_mean"]) == (0, ["Perez Prado - Guaglione"])
    far = (await api.get("/v1/tracks", params={"q": "xylophone"})).json()
    assert (far["total"], far["did_you_mean"]) == (0, [])
    there = (await api.get("/v1/tracks", params={"q": near["did_you_mean"][0]})).json()
    assert (there["total"], there["did_you_mean"]) == (1, [])


async def test_track_without_a_file_is_not_listed_but_still_known(
    api: httpx.AsyncClient, collection: Collection
) -> None:
    kept, gone = collection.add(*numbered(2))
    collection.remove(gone)
    [page] = await pages(api)
    assert [item["id"] for item in page["items"]] == [kept]
    assert (await api.get(f"/v1/tracks/{gone}")).json()["path"] is None


@pytest.mark.parametrize(
    "params",
    [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=abc",
        "limit=1e400",
        "limit=NaN",
        "limit=" + "9" * 5000,
        "q=" + "x" * 201,
        "q=a%00b",
        "cursor=" + "x" * 8001,
    ],
)
async def test_bad_parameters_are_422_and_not_echoed(
    params: str, offline_api: httpx.AsyncClient
) -> None:
    problem = problem_of(await offline_api.get(f"/v1/tracks?{params}"), 422)
    name, _, value = params.partition("=")
    assert problem["errors"][0]["field"] == name
    assert value not in json.dumps(problem["errors"])


def _cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "é",
        "%ED%A0%80",
        _cursor("null"),
        _cursor("[]"),
        _cursor('["a"]'),
        _cursor('["a", 1]'),
        _cursor('["a", "b"]'),
        _cursor('[-1, "a", "b"]'),
        _cursor('[99999999999999999999, "a", "b"]'),
        _cursor('["a", "b", "c"]'),
        _cursor('[0, 1, "b"]'),
        _cursor('[0, "a", null]'),
        _cursor('[true, "a", "b"]'),
        _cursor('{"a": 1, "b": 2}'),
        _cursor('[0, "a\\u0000", "b"]'),
        _cursor('[0, "\\ud800", "b"]'),
        _cursor("[" * 5000),
        _cursor("9" * 5000),
    ],
)
async def test_made_up_cursor_is_422(cursor: str, offline_api: httpx.AsyncClient) -> None:
    problem = problem_of(await offline_api.get(f"/v1/tracks?cursor={cursor}"), 422)
    assert "begin without one" in problem["detail"]


async def test_query_that_is_not_utf8_matches_nothing(
    api: httpx.AsyncClient, collection: Collection
) -> None:
    collection.add(*numbered(1))
    answer = await api.get("/v1/tracks?q=%ED%A0%80")
    assert answer.json() == {
        "items": [],
        "next_cursor": None,
        "total": 0,
        "did_you_mean": [],
    }


async def test_unknown_track_is_404_and_says_where_ids_are(api: httpx.AsyncClient) -> None:
    for track_id in ("unknown", "a%00b", "%ED%A0%80", "%2E%2E", "x" * 5000, "%F0"):
        problem = problem_of(await api.get(f"/v1/tracks/{track_id}"), 404)
        assert problem["type"] == "urn:soundalike:problem:unknown-track", track_id
        assert "GET /v1/tracks lists ids" in problem["detail"]
    problem = problem_of(await api.get("/v1/tracks/a%2Fb"), 404)
    assert problem["type"] == "urn:soundalike:problem:no-such-route"


EIGHT = tuple(PredictedTag(f"tag {number}", 0.9 - number / 10) for number in range(8))


async def test_lists_have_the_five_strongest_tags_and_all_where_asked(
    api: httpx.AsyncClient, collection: Collection
) -> None:
    one, other = collection.add({"tags": EIGHT, "title": "a"}, {"tags": EIGHT, "title": "b"})
    await eventually_serves(api, collection.publish())
    everything = [{"word": tag.word, "weight": tag.weight} for tag in EIGHT]
    example = {"positive": [one]}
    for all_tags, expected in ((False, everything[:5]), (True, everything)):
        asked = {"all_tags": all_tags}
        ends = {"from": one, "to": other, "steps": 2}
        lists = [
            (await api.get("/v1/tracks", params=asked)).json()["items"],
            (await api.get("/v1/journeys", params=asked | ends)).json()["items"],
            (await api.get(f"/v1/tracks/{one}/similar", params=asked)).json()["items"],
            (await api.post("/v1/search", params=asked, json=example)).json()["items"],
        ]
        for items in lists:
            shown = [item.get("track", item)["tags"] for item in items]
            assert shown
            assert shown == [expected] * len(shown)
    alone = (await api.get(f"/v1/tracks/{one}")).json()
    assert alone["tags"] == everything
