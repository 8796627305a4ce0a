"""Playlists out of any list: paths as the client needs them, and nothing that breaks a line."""

from typing import Any

import pytest

from .collection import Collection, numbered
from .service import ServiceClient, eventually_follows, eventually_serves, problem_of

ODD = {
    "title": "Two\nlines #1",
    "artist": "Ánã",
    "duration": 214.6,
    "path": "Ánã/100% & #1?/Two: lines.flac".encode(),
}


async def m3u8(api: ServiceClient, url: str, **parameters: str) -> list[str]:
    answer = await api.get(url, params={"format": "m3u8", **parameters})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "audio/x-mpegurl; charset=utf-8"
    lines = answer.content.decode().splitlines()
    assert lines[0] == "#EXTM3U"
    assert lines[1].startswith("#PLAYLIST:")
    return lines[2:]


async def jspf(api: ServiceClient, url: str, **parameters: str) -> list[dict[str, Any]]:
    answer = await api.get(url, params={"format": "jspf", **parameters})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/jspf+json"
    tracks: list[dict[str, Any]] = answer.json()["playlist"]["track"]
    return tracks


async def test_entries_are_named_timed_and_escaped(
    api: ServiceClient, collection: Collection
) -> None:
    [track] = collection.add(ODD)
    assert await m3u8(api, "/v1/tracks") == [
        "#EXTINF:215,Ánã - Two lines #1",
        "Ánã/100% & #1?/Two: lines.flac",
    ]
    [entry] = await jspf(api, "/v1/tracks")
    assert entry == {
        "location": ["%C3%81n%C3%A3/100%25%20%26%20%231%3F/Two%3A%20lines.flac"],
        "identifier": [f"urn:soundalike:track:{track}"],
        "title": "Two\nlines #1",
        "creator": "Ánã",
        "duration": 214600,
    }


PATH = "Ánã/100% & #1?/Two: lines.flac"
URL = "%C3%81n%C3%A3/100%25%20%26%20%231%3F/Two%3A%20lines.flac"


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("/mnt/my music/", f"/mnt/my music/{PATH}", f"file:///mnt/my%20music/{URL}"),
        ("/mnt/{root}", f"/mnt/music/{PATH}", f"file:///mnt/music/{URL}"),
        ("../{root}", f"../music/{PATH}", f"../music/{URL}"),
        ("http://nas/{root}", f"http://nas/music/{URL}", f"http://nas/music/{URL}"),
        ("Z:\\songs", f"Z:\\songs\\{PATH}".replace("/", "\\"), f"file:///Z:/songs/{URL}"),
        ("#songs", f"./#songs/{PATH}", f"%23songs/{URL}"),
    ],
)
async def test_paths_begin_where_the_client_says(
    base: str, path: str, url: str, api: ServiceClient, collection: Collection
) -> None:
    collection.add(ODD)
    assert (await m3u8(api, "/v1/tracks", base=base))[1] == path
    assert (await jspf(api, "/v1/tracks", base=base))[0]["location"] == [url]


async def test_base_cannot_hold_lines_of_its_own(offline_api: ServiceClient) -> None:
    answer = await offline_api.get("/v1/tracks", params={"base": "/mnt\n/etc/passwd"})
    assert problem_of(answer, 422)["errors"][0]["field"] == "base"


@pytest.mark.parametrize("path", [b"caf\xe9.mp3", b"two\nlines.mp3"])
async def test_path_that_no_line_can_hold_is_left_out_or_a_url(
    path: bytes, api: ServiceClient, collection: Collection
) -> None:
    collection.add({"title": "Odd", "path": path})
    [comment] = await m3u8(api, "/v1/tracks")
    assert comment.startswith("# Odd is left out")
    url = "caf%E9.mp3" if path.startswith(b"caf") else "two%0Alines.mp3"
    assert (await m3u8(api, "/v1/tracks", base="file:///m"))[1] == f"file:///m/{url}"
    assert (await jspf(api, "/v1/tracks"))[0]["location"] == [url]


async def test_every_list_is_a_playlist_of_its_items(
    api: ServiceClient, collection: Collection
) -> None:
    one, two, gone, *_ = collection.add(*numbered(12, duration=None))
    await eventually_serves(api, collection.publish())
    collection.remove(gone)
    await eventually_follows(api, collection.sessions)
    lists = {
        "/v1/tracks": {"ids": [one, gone]},
        f"/v1/tracks/{one}/similar": {"limit": 4, "per_artist": 2},
        "/v1/journeys": {"from": one, "to": two, "steps": 5},
    }
    for route, parameters in lists.items():
        items = (await api.get(route, params=parameters)).json()["items"]
        paths = [item.get("track", item)["path"] for item in items]
        lines = await m3u8(api, route, **parameters)  # type: ignore[arg-type]
        assert [line for line in lines if not line.startswith("#")] == list(filter(None, paths))
        assert lines[0].startswith("#EXTINF:-1,")
        assert len(await jspf(api, route, **parameters)) == len(lines) / 2  # type: ignore[arg-type]
    search = {"positive": [one], "limit": 3}
    paths = [
        item["track"]["path"]
        for item in (await api.post("/v1/search", json=search)).json()["items"]
    ]
    answer = await api.post("/v1/search", json=search, headers={"Accept": "audio/x-mpegurl"})
    assert [line for line in answer.text.splitlines() if line[0] != "#"] == paths
    answer = await api.post("/v1/search?format=jspf&base=/m", json=search)
    entries = answer.json()["playlist"]["track"]
    assert [entry["location"] for entry in entries] == [[f"file:///m/{path}"] for path in paths]


async def test_accepted_type_decides_unless_the_parameter_does(
    api: ServiceClient, collection: Collection
) -> None:
    collection.add(*numbered(1))
    accepted = {"Accept": "application/jspf+json, audio/x-mpegurl;q=0.9"}
    assert "playlist" in (await api.get("/v1/tracks", headers=accepted)).json()
    answer = await api.get("/v1/tracks?format=json", headers=accepted)
    assert answer.json()["total"] == 1
    problem_of(await api.get("/v1/tracks?format=xspf"), 422)
    missing = await api.get("/v1/tracks/nobody/similar", headers=accepted)
    problem_of(missing, 503)
