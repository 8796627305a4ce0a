"""Files that did not get through: listed whole, a page at a time, and never an error of the API."""

import httpx
import pytest

from serving.cursors import encode_cursor

from .collection import Collection
from .service import problem_of


async def test_failures_say_what_and_when(api: httpx.AsyncClient, collection: Collection) -> None:
    [track] = collection.add({"title": "a", "path": b"caf\xe9/a.flac"}, embedded=False)
    collection.fail(track, "no audible music")
    page = (await api.get("/v1/failures")).json()
    [item] = page["items"]
    assert item.pop("failed_at") is not None
    assert item == {
        "root": "music",
        "path": "caf\\xe9/a.flac",
        "track_id": track,
        "stage": "embeddings",
        "code": "silence",
        "message": "no audible music",
        "attempts": 1,
        "retry_at": None,
    }
    assert (page["total"], page["next_cursor"]) == (1, None)


@pytest.mark.parametrize("limit", [1, 2, 3, 200])
async def test_pages_visit_every_failure_once(
    limit: int, api: httpx.AsyncClient, collection: Collection
) -> None:
    tracks = collection.add(*({"title": str(n)} for n in range(5)), embedded=False)
    for track in tracks:
        collection.fail(track, "no")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await api.get("/v1/failures", params={"limit": limit, **cursor})).json()
        seen += [item["track_id"] for item in page["items"]]
        assert page["total"] == 5
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert sorted(seen) == sorted(tracks)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "cursor=x",
        f"cursor={encode_cursor(1)}",
        f"cursor={encode_cursor('1', 'a')}",
        f"cursor={encode_cursor(-1, 'a')}",
        f"cursor={encode_cursor(2**63, 'a')}",
        f"cursor={encode_cursor(1, 'a' + chr(0))}",
        f"cursor={encode_cursor(True, 'a')}",
    ],
)
async def test_wrong_questions_are_told_so(api: httpx.AsyncClient, query: str) -> None:
    problem_of(await api.get(f"/v1/failures?{query}"), 422)


async def test_a_huge_file_id_is_no_error(api: httpx.AsyncClient) -> None:
    answer = await api.get(
        "/v1/failures", params={"cursor": encode_cursor(2**63 - 1, "embeddings")}
    )
    assert answer.json()["items"] == []
