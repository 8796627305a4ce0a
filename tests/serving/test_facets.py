"""Facets and statistics: numbers that lists with the same filter have too."""

from typing import Any

import httpx
import pytest
from sqlalchemy import update

from soundalike.catalog import library_settings, roots
from soundalike.catalog.engine import Sessions
from soundalike.catalog.tables import FileRow, TrackRow
from soundalike.embedders.base import PredictedTag
from soundalike.settings import Settings

from .collection import SPACE, Collection, numbered
from .service import (
    ServiceClient,
    eventually_follows,
    eventually_serves,
    problem_of,
    running,
)

TAGS = tuple(PredictedTag(f"tag {number}", 1 - number / 10) for number in range(7))
FACTS = (
    {"artists": ["Ana Lua", "Rui"], "album": "Marés", "genres": ["Fado"], "year": 2011},
    {"artists": ["Ana Lua"], "album": "Marés", "genres": ["Fado", "Folk"], "year": 2011},
    {"artists": ["Ánã"], "genres": ["Folk"], "year": 1970, "tags": TAGS},
    {"title": "nothing said", "tags": ()},
)
PATHS = ("Ana/One/1.flac", "Ana/One/2.flac", "Ana/Two/3.flac", "top.flac")


@pytest.fixture
async def tracks(api: ServiceClient, collection: Collection) -> list[str]:
    """Four tracks, the second of which has a copy in another root, and a gone one."""
    facts = [{**fact, "path": path.encode()} for fact, path in zip(FACTS, PATHS, strict=True)]
    *ids, gone = collection.add(*facts, {"artists": ["Gone"], "album": "Gone", "year": 1900})
    with collection.sessions.begin() as session:
        other = roots.add_root(session, b"/more")
        copy = FileRow(path=b"Ana/One/c.flac", shown="Ana/One/c.flac", size=1, mtime_ns=1)
        copy.root_id, copy.track_id, copy.batch_id, copy.unread = other, ids[1], 1, False
        session.add(copy)
    collection.remove(gone)
    await eventually_follows(api, collection.sessions)
    return ids


async def facet(api: httpx.AsyncClient, name: str, **parameters: Any) -> list[tuple[str, int]]:
    answer = await api.get(f"/v1/facets/{name}", params=parameters)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total"] >= len(page["items"])
    return [(item["value"], item["tracks"]) for item in page["items"]]


async def test_values_are_counted_the_most_frequent_first(
    api: httpx.AsyncClient, tracks: list[str]
) -> None:
    assert await facet(api, "artists") == [("Ana Lua", 2), ("Rui", 1), ("Ánã", 1)]
    assert await facet(api, "albums") == [("Marés", 2)]
    assert await facet(api, "genres") == [("Fado", 2), ("Folk", 2)]
    assert await facet(api, "years") == [("2011", 2), ("1970", 1)]
    assert await facet(api, "tags") == [("acoustic", 2), *((tag.word, 1) for tag in TAGS[:5])]
    assert await facet(api, "folders") == [("Ana/", 3), ("Ana/", 1)]
    assert len(tracks) == 4


async def test_filter_is_that_of_lists(api: httpx.AsyncClient, tracks: list[str]) -> None:
    assert await facet(api, "artists", genres="folk") == [("Ana Lua", 1), ("Ánã", 1)]
    assert await facet(api, "years", artists="ana lua", exclude_ids=tracks[0]) == [("2011", 1)]
    assert await facet(api, "albums", year_to=1980) == []
    assert await facet(api, "folders", roots="more") == [("Ana/", 1)]
    assert await facet(api, "folders", year_from=2000) == [("Ana/", 2), ("Ana/", 1)]
    problem_of(await api.get("/v1/facets/artists?year_from=x"), 422)
    problem_of(await api.get("/v1/facets/moods"), 422)


async def test_beginning_of_a_value_finds_it_however_it_is_written(
    api: httpx.AsyncClient, tracks: list[str]
) -> None:
    assert tracks
    assert await facet(api, "artists", q="ANA") == [("Ana Lua", 2), ("Ánã", 1)]
    assert await facet(api, "artists", q="lua") == []
    assert await facet(api, "albums", q="mares") == [("Marés", 2)]
    assert await facet(api, "tags", q="TAG") == [(tag.word, 1) for tag in TAGS[:5]]
    assert await facet(api, "tags", q="%") == []
    assert await facet(api, "years", q="19") == [("1970", 1)]


async def test_folders_are_those_of_a_level(api: httpx.AsyncClient, tracks: list[str]) -> None:
    answer = (await api.get("/v1/facets/folders", params={"q": "Ana/"})).json()
    assert answer["items"] == [
        {"value": "Ana/One/", "root": "music", "tracks": 2},
        {"value": "Ana/One/", "root": "more", "tracks": 1},
        {"value": "Ana/Two/", "root": "music", "tracks": 1},
    ]
    assert await facet(api, "folders", q="Ana/T") == [("Ana/Two/", 1)]
    assert await facet(api, "folders", q="Ana/One/") == []
    assert await facet(api, "folders", q="An%") == []
    assert tracks


async def test_number_is_the_total_of_a_list_within_the_value(
    api: httpx.AsyncClient, tracks: list[str]
) -> None:
    async def total(**filters: Any) -> int:
        return int((await api.get("/v1/tracks", params=filters)).json()["total"])

    for name in ("artists", "albums", "genres", "tags"):
        for value, count in await facet(api, name):
            assert await total(**{name: value}) == count, value
    for value, count in await facet(api, "years"):
        assert await total(year_from=value, year_to=value) == count
    for prefix in ("", "Ana/"):
        answer = (await api.get("/v1/facets/folders", params={"q": prefix})).json()
        for item in answer["items"]:
            within = {"roots": item["root"], "path_prefix": item["value"]}
            assert await total(**within) == item["tracks"], item
    assert tracks


async def test_pages_have_each_value_once(api: ServiceClient, collection: Collection) -> None:
    collection.add(*({"artists": [f"Artist {n}", f"Artist {n // 3}"]} for n in range(20)))
    await eventually_follows(api, collection.sessions)
    everything = await facet(api, "artists", limit=200)
    assert len({value for value, _ in everything}) == 20
    found: list[tuple[str, int]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = (await api.get("/v1/facets/artists", params={"limit": 3, **cursor})).json()
        found += [(item["value"], item["tracks"]) for item in answer["items"]]
        assert answer["total"] == 20
        if answer["next_cursor"] is None:
            break
        cursor = {"cursor": answer["next_cursor"]}
    assert found == everything


async def test_what_changed_since_the_columns_were_read_counts_once(
    collection: Collection, settings: Settings, tracks: list[str]
) -> None:
    """A service that starts has all tracks in its base; a change is beside it."""
    first, second, third, _ = tracks
    async with running(settings) as api:
        await eventually_follows(api, collection.sessions)
        before = await facet(api, "artists")
        with collection.sessions.begin() as session:
            rows = update(TrackRow).where(TrackRow.id == first)
            facts = {"artists": ["New", "New"], "genres": ["Folk"], "album": "Other"}
            names = ["artist=new", "genre=folk", "album=other"]
            session.execute(rows.values(**facts, names=names))
        collection.remove(third)
        await eventually_follows(api, collection.sessions)
        assert before == [("Ana Lua", 2), ("Rui", 1), ("Ánã", 1)]
        assert await facet(api, "artists") == [("Ana Lua", 1), ("New", 1)]
        assert await facet(api, "genres") == [("Folk", 2), ("Fado", 1)]
        assert await facet(api, "albums") == [("Marés", 1), ("Other", 1)]
        assert await facet(api, "artists", q="ne") == [("New", 1)]
        assert await facet(api, "artists", exclude_ids=[first, second]) == []
        assert await facet(api, "folders", q="Ana/") == [("Ana/One/", 2), ("Ana/One/", 1)]


async def test_a_track_is_in_a_folder_once_however_many_files_it_has_there(
    api: ServiceClient, collection: Collection
) -> None:
    [track] = collection.add({"path": b"a/1.flac"})
    with collection.sessions.begin() as session:
        [root] = roots.roots(session)
        for name in ("a/2.flac", "a/b/3.flac"):
            copy = FileRow(path=name.encode(), shown=name, size=1, mtime_ns=1)
            copy.root_id, copy.track_id, copy.batch_id, copy.unread = root.id, track, 1, False
            session.add(copy)
    await eventually_follows(api, collection.sessions)
    assert await facet(api, "folders") == [("a/", 1)]
    assert await facet(api, "folders", q="a/") == [("a/b/", 1)]
    assert await facet(api, "folders", q="a/", paths=["a/1.flac"]) == []


async def test_before_the_catalog_was_ever_read_nothing_is_counted(
    offline_api: httpx.AsyncClient,
) -> None:
    problem = problem_of(await offline_api.get("/v1/facets/artists"), 503)
    assert problem["type"].endswith("catalog-unreachable")


@pytest.mark.slow
async def test_stats_tell_the_state_of_the_collection(
    api: httpx.AsyncClient, collection: Collection, sessions: Sessions, settings: Settings
) -> None:
    empty = (await api.get("/v1/stats")).json()
    assert (empty["tracks"], empty["space"], empty["index_version"]) == (0, None, None)
    first, *_ = collection.add(*numbered(3, duration=1800.0))
    await eventually_serves(api, version := collection.publish())
    failed, _ = collection.add(*numbered(2, duration=1800.0), embedded=False)
    collection.fail(failed, "no audible music")
    collection.remove(first)
    with sessions.begin() as session:
        library_settings.write(session, settings, SPACE.key)
    assert (await api.get("/v1/stats")).json() == {
        "tracks": 4,
        "files": 4,
        "hours": 2.0,
        "space": SPACE.key,
        "embedded": 2,
        "pending_tracks": 1,
        "pending_files": 0,
        "failed_files": 1,
        "excluded_files": 0,
        "codecs": [{"codec": "flac", "tracks": 4}],
        "index_version": version,
        "indexed": 3,
    }
