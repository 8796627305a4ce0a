"""Administration over HTTP: publishing, rolling back, retrying; what cannot be says why."""

import httpx
import pytest

from serving.routes import index as module
from soundalike.catalog import failures, publications
from soundalike.catalog.failures import FailureView
from soundalike.catalog.retention import retire_lost

from .collection import Collection, numbered
from .service import eventually_serves, problem_of

PUBLICATIONS = "/v1/index/publications"


async def test_a_rollback_is_served_and_stays_until_the_newest_is_asked_for(
    api: httpx.AsyncClient, collection: Collection
) -> None:
    collection.add(*numbered(2))
    old = collection.publish()
    collection.add(*numbered(2))
    new = collection.publish()
    await eventually_serves(api, new)
    answer = await api.post(PUBLICATIONS, json={"version": old})
    assert answer.json() == {"version": old, "tracks": 2, "replaces": new, "pinned": True}
    await eventually_serves(api, old)
    answer = await api.post(PUBLICATIONS, json={})
    assert answer.json() == {"version": new, "tracks": 4, "replaces": old, "pinned": False}
    await eventually_serves(api, new)
    with collection.sessions() as session:
        served = publications.published(session)
    assert served is not None
    assert not served.publication.by_hand


async def test_a_version_that_is_not_there_is_404_and_names_those_that_are(
    api: httpx.AsyncClient, collection: Collection
) -> None:
    problem_of(await api.post(PUBLICATIONS, json={}), 404)
    collection.add(*numbered(2))
    version = collection.publish()
    problem = problem_of(await api.post(PUBLICATIONS, json={"version": "0123456789ab"}), 404)
    assert problem["type"].endswith("unknown-version")
    assert version in problem["detail"]
    for body in ({"version": ""}, {"version": "../up"}, {"name": version}, []):
        problem_of(await api.post(PUBLICATIONS, json=body), 422)


async def test_a_damaged_version_is_not_published(
    api: httpx.AsyncClient, collection: Collection
) -> None:
    collection.add(*numbered(2))
    served = collection.publish()
    await eventually_serves(api, served)
    collection.add(*numbered(1))
    damaged = collection.build()
    collection.damage(damaged)
    answer = await api.post(PUBLICATIONS, json={"version": damaged})
    assert problem_of(answer, 409)["type"].endswith("unusable-version")
    assert str(collection.store.root) not in answer.text
    with collection.sessions() as session:
        published = publications.published(session)
    assert published is not None
    assert published.index.version == served


async def test_a_version_that_is_removed_while_it_is_read_is_not_published(
    api: httpx.AsyncClient, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.add(*numbered(2))
    removed = collection.build()

    def gc_comes_between(*_: object) -> None:
        with collection.sessions.begin() as session:
            retire_lost(session, [removed])

    monkeypatch.setattr(module, "require_publishable", gc_comes_between)
    answer = await api.post(PUBLICATIONS, json={"version": removed})
    assert problem_of(answer, 404)["type"].endswith("unknown-version")
    with collection.sessions() as session:
        assert publications.published(session) is None


@pytest.fixture
def failed(collection: Collection) -> list[str]:
    """Three failures, of codes that are not retried by themselves, and one that is."""
    paths = [b"a/1.flac", b"a/2.flac", b"b/1.flac", b"b/2.flac"]
    ids = collection.add(*({"title": "t", "path": path} for path in paths), embedded=False)
    for number, track in enumerate(ids):
        collection.fail(track, "no", code="damaged" if number == 0 else "silent")
    return ids


def due(collection: Collection) -> set[str]:
    with collection.sessions() as session:
        views = [FailureView(*row) for row in session.execute(failures.page(10))]
    return {view.path for view in views if view.attempts == 0}


RETRIES = [
    ({}, {"a/1.flac"}, 4),
    ({"everything": True}, {"a/1.flac", "a/2.flac", "b/1.flac", "b/2.flac"}, 4),
    ({"codes": ["silent"]}, set(), 3),
    ({"codes": ["silent"], "everything": True, "path_prefix": "b/"}, {"b/1.flac", "b/2.flac"}, 2),
    ({"stages": ["embeddings"], "path_prefix": "a"}, {"a/1.flac"}, 2),
    ({"stages": ["raw_audio"], "everything": True}, set(), 0),
]


@pytest.mark.usefixtures("failed")
@pytest.mark.parametrize(("body", "paths", "total"), RETRIES)
async def test_what_the_filter_selects_is_due(
    body: dict[str, object],
    paths: set[str],
    total: int,
    api: httpx.AsyncClient,
    collection: Collection,
) -> None:
    answer = await api.post("/v1/failures/retry", json=body)
    assert answer.json() == {"retried": len(paths), "total": total}
    assert due(collection) == paths


@pytest.mark.usefixtures("failed")
@pytest.mark.parametrize(("body", "paths", "total"), RETRIES)
async def test_the_list_has_the_same_filter(
    body: dict[str, object], paths: set[str], total: int, api: httpx.AsyncClient
) -> None:
    chosen = {name: value for name, value in body.items() if name != "everything"}
    page = (await api.get("/v1/failures", params=chosen | {"limit": 1})).json()
    assert page["total"] == total
    assert (page["next_cursor"] is None) == (total < 2)
    whole = (await api.get("/v1/failures", params=chosen)).json()
    assert len(whole["items"]) == total
    assert paths <= {item["path"] for item in whole["items"]}
