"""A made-up collection, and the service over it."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr

from serving import key_ring
from serving.schemas.base import OTHER_TRACK_ID, TRACK_ID
from soundalike.catalog.engine import Sessions, open_catalog
from soundalike.maps.draw import draw_map
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from tests.conftest import new_database
from tests.patience import PATIENCE

from .collection import Collection, canonical, numbered
from .service import ServiceClient, eventually_serves, running

KEY = "k3y"


@pytest.fixture(autouse=True)
def _catalog_of_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that are read late answer 503 until then, which tests must not depend on."""
    monkeypatch.setattr(key_ring, "KEY_READ_SECONDS", PATIENCE)


@pytest.fixture
def collection(sessions: Sessions, store: ArtifactStore) -> Collection:
    return Collection(sessions, store)


@pytest.fixture
def settings(database_url: str, store: ArtifactStore) -> Settings:
    return Settings(DATABASE_URL=database_url, data=store.root)


@pytest.fixture(scope="session")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """No Postgres answers there: for what must not need one, and for its absence.

    Without a catalog nobody can tell whether a key is needed, so there is one.
    """
    none = "postgresql://soundalike@127.0.0.1:1/none"
    data = tmp_path_factory.mktemp("offline")
    return Settings(DATABASE_URL=none, data=data, api_key=SecretStr(KEY))


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[ServiceClient]:
    async with running(settings) as client:
        yield client


@pytest.fixture(scope="session")
async def _offline_service(offline: Settings) -> AsyncIterator[ServiceClient]:
    async with running(offline) as client:
        yield client


@pytest.fixture
def offline_api(_offline_service: ServiceClient) -> Iterator[ServiceClient]:
    """A service without Postgres, which all tests share; the headers are a test's own."""
    headers = _offline_service.headers.copy()
    _offline_service.headers["X-API-Key"] = KEY
    yield _offline_service
    _offline_service.headers = headers


README_TRACK = "96751f56f82c97466947c81819d9f5a3"


@pytest.fixture(scope="session")
async def documented(
    server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServiceClient]:
    """A service whose collection has what the examples of the documentation name.

    All tests share it, so none changes its collection.
    """
    store = ArtifactStore(tmp_path_factory.mktemp("documented") / "data")
    with new_database(server_url) as url:
        sessions = open_catalog(url)
        version = fill(Collection(sessions, store))
        async with running(Settings(DATABASE_URL=url, data=store.root)) as api:
            await eventually_serves(api, version)
            yield api
        sessions.kw["bind"].dispose()


def fill(collection: Collection) -> str:
    """Publish an index of what the documentation names, with a map; returns its version."""
    canonical(collection.store, TRACK_ID)
    facts = {
        "title": "Saudade",
        "artist": "Ana Lua",
        "album": "Marés",
        "genres": ["Fado", "Folk"],
        "year": 2011,
        "file_tags": {"isrcs": ["GBAYE6900531"]},
        "path": "Ana Lua/Marés/03 Saudade.flac".encode(),
    }
    collection.add({"id": TRACK_ID, **facts}, {"id": OTHER_TRACK_ID, "title": "Other"})
    fado = {"title": "Fado menor", "artist": "Rui", "genres": ["Fado"], "year": 1970}
    band = {"title": "September", "artist": "Earth, Wind & Fire"}
    collection.add({"id": README_TRACK, "title": "calm_acoustic_1"}, fado, band, *numbered(30))
    for track in collection.add(*numbered(2), embedded=False):
        collection.fail(track, "no audible music")
    version = collection.publish()
    draw_map(collection.sessions, collection.store)
    return version


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """The service sends all logs to its own handler; the next test wants pytest's again."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
