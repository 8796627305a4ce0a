"""Playlist files: the client's order, nothing invented, nothing kept."""

import httpx

from .collection import Collection
from .service import ServiceClient, eventually_follows, problem_of

URL = "/v1/playlists/file"


async def test_tracks_stand_in_the_order_of_their_ids(
    api: ServiceClient, collection: Collection
) -> None:
    names = ["Zebra", "ägypten", "<script>", "\u0645\u0648\u062c", "🎵", "x" * 300]
    ids = collection.add(
        *({"title": name, "path": f"{n}.mp3".encode()} for n, name in enumerate(names))
    )
    await eventually_follows(api, collection.sessions)
    wanted = [ids[3], ids[0], ids[5], ids[1], ids[0]]
    body = {"ids": wanted, "title": "Evening", "format": "jspf"}
    written = (await api.post(URL, json=body)).json()["playlist"]
    assert written["title"] == "Evening"
    assert [each["identifier"][0].rpartition(":")[2] for each in written["track"]] == wanted
    text = (await api.post(URL, json=body | {"format": "m3u8", "base": "/mnt"})).text
    paths = [line for line in text.splitlines() if not line.startswith("#")]
    assert paths == ["/mnt/3.mp3", "/mnt/0.mp3", "/mnt/5.mp3", "/mnt/1.mp3", "/mnt/0.mp3"]


async def test_unknown_tracks_are_left_out(api: ServiceClient, collection: Collection) -> None:
    [known] = collection.add({"title": "a", "path": b"a.mp3"})
    await eventually_follows(api, collection.sessions)
    answer = await api.post(URL, json={"ids": ["0" * 32, known]})
    assert answer.headers["content-type"].startswith("audio/x-mpegurl")
    assert [line for line in answer.text.splitlines() if line[:1] != "#"] == ["a.mp3"]
    empty = await api.post(URL, json={"ids": []})
    assert empty.text.splitlines() == ["#EXTM3U", "#PLAYLIST:soundalike"]


async def test_a_body_has_bounds(api: httpx.AsyncClient) -> None:
    problem_of(await api.post(URL, json={"ids": ["x"] * 1001}), 422)
    problem_of(await api.post(URL, json={"ids": [], "format": "xspf"}), 422)
    problem_of(await api.post(URL, json={"ids": [], "titel": "a"}), 422)
    problem_of(await api.post(URL, content=b"{}"), 415)
