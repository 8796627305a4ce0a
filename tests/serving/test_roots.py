"""Music roots: names that stay, and locations that only those see who may."""

from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import update

from soundalike.catalog import roots
from soundalike.catalog.engine import Sessions
from soundalike.catalog.tables import FileRow, RootRow
from soundalike.settings import Settings

from .collection import Collection, numbered
from .server import server
from .service import eventually_serves, running

PLACE = "/srv/private/music"
ROUTES = ("/v1/roots", "/v1/tracks", "/v1/tracks/{id}", "/v1/tracks/{id}/similar", "/v1/failures")


def place_of(collection: Collection, location: str = PLACE) -> None:
    """Its music lies there, and the last scan had a problem there."""
    with collection.sessions.begin() as session:
        problem = f"{location}/a: Permission denied"
        values = {"location": location.encode(), "problems": [problem]}
        session.execute(update(RootRow).values(**values))


def test_names_are_last_folders_numbered_where_they_must_be_and_kept(sessions: Sessions) -> None:
    places = (b"/a/music", b"/b/music", b"s3://bucket/music", b"s3://bucket", b"/", b"/c/caf\xe9")
    with sessions.begin() as session:
        ids = [roots.add_root(session, place) for place in places]
    with sessions.begin() as session:
        names = [row.name for row in roots.roots(session)]
        assert names == ["music", "music-2", "music-3", "bucket", "root", "caf\\xe9"]
        roots.move_root(session, ids[0], b"/elsewhere/songs")
        roots.remove_root(session, ids[1])
    with sessions.begin() as session:
        roots.add_root(session, b"/d/music")
        assert roots.add_root(session, b"/b/music") == ids[1]
    with sessions() as session:
        names = [row.name for row in roots.roots(session)]
        assert names == ["music", "music-2", "music-3", "bucket", "root", "caf\\xe9", "music-4"]


async def test_roots_are_listed_with_what_they_hold(
    api: httpx.AsyncClient, collection: Collection, sessions: Sessions
) -> None:
    one, two, _ = collection.add(*numbered(3))
    collection.remove(two)
    with sessions.begin() as session:
        bucket = roots.add_root(session, b"s3://bucket/more")
        copy = FileRow(path=b"copy.flac", shown="copy.flac", size=1, mtime_ns=1, batch_id=1)
        copy.root_id, copy.track_id, copy.unread = bucket, one, False
        session.add(copy)
    answer = (await api.get("/v1/roots")).json()
    expected = {"scanned_at": None, "problems": []}
    assert answer == {
        "items": [
            {
                "name": "music",
                "kind": "folder",
                "location": "/music",
                "tracks": 2,
                "files": 2,
                **expected,
            },
            {
                "name": "more",
                "kind": "bucket",
                "location": "s3://bucket/more",
                "tracks": 1,
                "files": 1,
                **expected,
            },
        ],
        "total": 2,
    }
    track = (await api.get(f"/v1/tracks/{one}")).json()
    assert (track["root"], track["path"]) == ("music", track["files"][0]["path"])
    assert track["location"] == f"/music/{track['path']}"
    assert track["files"][1] == {
        "root": "more",
        "path": "copy.flac",
        "location": "s3://bucket/more/copy.flac",
    }


@pytest.mark.slow
async def test_filter_by_root_means_one_and_the_same_file(
    api: httpx.AsyncClient, collection: Collection, sessions: Sessions
) -> None:
    one, two = collection.add({"path": b"a/1.flac"}, {"path": b"b/2.flac"})
    with sessions.begin() as session:
        other = roots.add_root(session, b"/more")
        copy = FileRow(path=b"c/1.flac", shown="c/1.flac", size=1, mtime_ns=1, batch_id=1)
        copy.root_id, copy.track_id, copy.unread = other, one, False
        session.add(copy)

    async def found(**filters: str | list[str]) -> set[str]:
        page = (await api.get("/v1/tracks", params=filters)).json()
        assert page["total"] == len(page["items"])
        return {item["id"] for item in page["items"]}

    assert await found(roots="music") == {one, two}
    assert await found(roots="more") == {one}
    assert await found(roots=["more", "music"]) == {one, two}
    assert await found(roots="nowhere") == set()
    assert await found(roots="more", path_prefix="c/") == {one}
    assert await found(roots="music", path_prefix="c/") == set()


async def answers_of(api: httpx.AsyncClient, collection: Collection) -> str:
    """All that is said of a collection with a failure, by every route that names files."""
    track = collection.add(*numbered(3))[0]
    place_of(collection)
    collection.fail(track, "no audible music")
    await eventually_serves(api, collection.publish())
    said = []
    for route in ROUTES:
        answer = await api.get(route.format(id=track))
        assert answer.status_code == 200, answer.text
        said.append(answer.text)
    search = {"positive": [track]}
    said.append((await api.post("/v1/search", json=search)).text)
    ids = [item["id"] for item in (await api.get("/v1/tracks")).json()["items"]]
    journey = {"from": ids[0], "to": ids[1], "steps": 3}
    said.append((await api.get("/v1/journeys", params=journey)).text)
    return "\n".join(said)


@pytest.mark.slow
async def test_who_is_here_and_needs_no_key_sees_locations(
    api: httpx.AsyncClient, collection: Collection
) -> None:
    said = await answers_of(api, collection)
    assert said.count(f'"location":"{PLACE}/') >= 6
    assert f'"location":"{PLACE}"' in said


@pytest.mark.parametrize(
    "hidden",
    [{"show_paths": "never"}, {"api_key": SecretStr("s3cret")}],
    ids=["setting", "key"],
)
async def test_others_are_told_of_no_location(
    hidden: dict[str, object], settings: Settings, collection: Collection
) -> None:
    async with running(settings.model_copy(update=hidden)) as api:
        api.headers["X-API-Key"] = "s3cret"
        said = await answers_of(api, collection)
    assert "private" not in said
    assert '"root":"music"' in said
    assert '"problems":["music/a: Permission denied"]' in said


@pytest.mark.slow
async def test_key_may_show_locations_where_the_setting_says_so(
    settings: Settings, collection: Collection
) -> None:
    shown = {"show_paths": "always", "api_key": SecretStr("s3cret")}
    async with running(settings.model_copy(update=shown)) as api:
        api.headers["X-API-Key"] = "s3cret"
        assert PLACE in await answers_of(api, collection)


@pytest.mark.slow
async def test_clients_of_a_proxy_are_told_of_no_location(
    settings: Settings, collection: Collection, tmp_path: Path
) -> None:
    collection.add(*numbered(1))
    place_of(collection)
    async with server(settings, tmp_path / "log") as (_, url), httpx.AsyncClient() as api:
        assert PLACE in (await api.get(f"{url}/v1/roots")).text
        forwarded = {"X-Forwarded-For": "192.0.2.7"}
        assert PLACE not in (await api.get(f"{url}/v1/roots", headers=forwarded)).text
