"""Revalidation: an answer that a client has is not sent again, and never one that changed."""

import gzip
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import update
from starlette.datastructures import Headers

from serving.etags import is_known
from serving.schemas.base import OTHER_TRACK_ID, TRACK_ID
from soundalike.catalog.tables import TrackRow
from soundalike.settings import Settings

from .collection import Collection, numbered
from .service import ServiceClient, eventually, eventually_serves, running

KEY = {"X-API-Key": "s3cret"}
PATHS = (
    *("/v1/tracks", "/v1/index", "/v1/stats", "/v1/roots", "/v1/facets/artists", "/v1/facets/tags"),
    *("/v1/facets/folders", "/v1/failures", "/openapi.json", "/", "/docs/swagger-ui-bundle.js"),
    "/docs/favicon-32x32.png",
)


def about(track: str) -> tuple[str, ...]:
    at = f"/v1/tracks/{track}"
    playlists = [f"{at}/similar?format=m3u8&limit={n}" for n in (1, 29)]  # short, and long
    return at, f"{at}/similar", f"{at}/embedding", f"{at}/lineage", *playlists


async def unchanged(api: httpx.AsyncClient, path: str, etag: str) -> bool:
    answer = await api.get(path, headers={"If-None-Match": etag})
    assert (answer.status_code == 304) == (answer.content == b"")
    return answer.status_code == 304


@pytest.fixture
async def served(api: ServiceClient, collection: Collection) -> list[str]:
    ids = collection.add(*numbered(30, artist="Rui", genres=["Fado"]))
    await eventually_serves(api, collection.publish())
    return ids


async def test_every_answer_has_a_tag_and_is_not_sent_to_who_has_it(
    api: ServiceClient, served: list[str]
) -> None:
    for path in (*PATHS, *about(served[0])):
        answer = await api.get(path)
        assert answer.status_code == 200, path
        etag = answer.headers["etag"]
        for known in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
            again = await api.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b""), (path, known)
            for name in ("etag", "cache-control"):
                assert again.headers[name] == answer.headers[name]
            assert again.headers.get_list("vary", True) == answer.headers.get_list("vary", True)
            assert "content-type" not in again.headers
            assert "content-length" not in again.headers
        assert not await unchanged(api, path, '"other"')
        head = await api.head(path, headers={"If-None-Match": etag})
        assert head.status_code == 304
        assert (await api.head(path)).headers["etag"] == etag


async def test_what_changed_is_sent(
    api: ServiceClient, served: list[str], collection: Collection
) -> None:
    track = served[0]
    paths = (
        "/v1/tracks",
        f"/v1/tracks/{track}/similar",
        "/v1/facets/artists",
        f"/v1/tracks/{track}",
    )
    before = {path: (await api.get(path)).headers["etag"] for path in paths}
    with collection.sessions.begin() as session:
        rows = update(TrackRow).where(TrackRow.id == track)
        session.execute(rows.values(artist="Ana", artists=["Ana"]))
    for path, etag in before.items():

        async def sent(path: str = path, etag: str = etag) -> bool:
            return not await unchanged(api, path, etag)

        await eventually(sent)
    index = (await api.get("/v1/index")).headers["etag"]
    similar = (await api.get(paths[1])).headers["etag"]
    collection.add(*numbered(1))
    await eventually_serves(api, collection.publish())
    assert not await unchanged(api, "/v1/index", index)
    assert not await unchanged(api, paths[1], similar)


async def test_the_tag_is_the_same_compressed_and_says_so(
    api: ServiceClient, served: list[str]
) -> None:
    """A strong tag would promise the same bytes."""
    plain = await api.get("/v1/tracks", headers={"Accept-Encoding": "identity"})
    packed = await api.get("/v1/tracks", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["etag"] == plain.headers["etag"]
    assert packed.headers["etag"].startswith("W/")
    for answer in (plain, packed):
        assert "accept-encoding" in vary(answer)


def vary(answer: httpx.Response) -> list[str]:
    return [name.lower() for name in answer.headers.get_list("vary", split_commas=True)]


QUERIES = {
    "/v1/journeys": {"from": TRACK_ID, "to": OTHER_TRACK_ID},
    "/v1/tracks/{track_id}/audio": {"as": "flac"},
}


async def test_answers_that_accept_chooses_say_so(documented: ServiceClient) -> None:
    """And all other answers of GET that the document has are tagged too."""
    api, negotiated = documented, 0
    document: dict[str, Any] = (await api.get("/openapi.json")).json()
    drawn = (await api.get("/v1/map")).json()
    names = {"track_id": TRACK_ID, "facet": "genres"}
    names |= {"layout": drawn["layout"], "index_version": drawn["index_version"]}
    for path, methods in document["paths"].items():
        if "get" not in methods:
            continue
        url, query = path.format(**names), QUERIES.get(path, {})
        answer = await api.get(url, params=query)
        assert answer.status_code == 200, path
        is_same = await unchanged(api, str(answer.url), answer.headers["etag"])
        assert is_same or path == "/metrics", "which count this very request"
        forms = set(methods["get"]["responses"]["200"]["content"])
        assert ("accept" in vary(answer)) == (len(forms) > 1), path
        for other in forms - {"application/json"} if len(forms) > 1 else ():
            in_form = await api.get(url, params=query, headers={"Accept": other})
            assert in_form.headers["content-type"].startswith(other)
            assert in_form.headers["etag"] != answer.headers["etag"]
            assert "accept" in vary(in_form)
            negotiated += 1
    assert negotiated == 7  # two kinds of playlists of three lists, and an embedding


async def test_an_answer_for_who_sent_a_key_says_so(settings: Settings) -> None:
    credentials = {"authorization", "cookie", "x-api-key"}
    locked = settings.model_copy(update={"api_key": SecretStr("s3cret")})
    async with running(locked) as api:
        etag = (await api.get("/v1/stats", headers=KEY)).headers["etag"]
        refused = await api.get("/v1/stats", headers={"If-None-Match": etag})
        assert refused.status_code == 401, "the tag is no key"
        known = await api.get("/v1/stats", headers=KEY | {"If-None-Match": etag})
        assert known.status_code == 304
        for answer in (refused, known, await api.get("/v1/stats", headers=KEY)):
            assert credentials <= set(vary(answer))
            assert answer.headers["cache-control"] == "private, no-cache"
        for path in ("/", "/docs", "/health/live"):
            assert credentials.isdisjoint(vary(await api.get(path)))


async def test_errors_and_changes_are_never_unchanged(
    api: ServiceClient, served: list[str]
) -> None:
    everything = {"If-None-Match": "*"}
    for path, status in (("/v1/tracks/x", 404), ("/v1/tracks?limit=x", 422), ("/nope", 404)):
        answer = await api.get(path, headers=everything)
        assert answer.status_code == status
        assert "etag" not in answer.headers
    body = {"positive": served[:1]}
    found = await api.post("/v1/search", json=body, headers=everything)
    assert found.status_code == 200
    assert "etag" not in found.headers


async def test_a_file_of_the_documentation_is_whole_when_it_is_compressed(
    api: ServiceClient,
) -> None:
    path, packed = "/docs/swagger-ui-bundle.js", {"Accept-Encoding": "gzip"}
    async with api.stream("GET", path, headers=packed) as answer:
        content = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    plain = await api.get(path, headers={"Accept-Encoding": "identity"})
    assert gzip.decompress(content) == plain.content
    assert len(content) < len(plain.content) / 2


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], False),
        ([""], False),
        (['"a"'], True),
        (['W/"a"'], True),
        (['"b"', ' "c" , W/"a"'], True),
        (["*"], True),
        (["a"], False),
        (['"A"'], False),
        (['"b,a"'], False),
    ],
)
def test_a_tag_is_known_if_any_is_the_same(values: list[str], expected: bool) -> None:
    raw = [(b"if-none-match", value.encode()) for value in values]
    assert is_known(Headers(raw=raw), 'W/"a"') == expected
