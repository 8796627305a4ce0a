"""A made-up collection, and the service over it."""

import logging
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from pydantic import SecretStr

from serving.schemas.base import OTHER_TRACK_ID, TRACK_ID
from soundalike.catalog.engine import Sessions
from soundalike.maps.draw import draw_map
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore

from .collection import Collection, canonical, numbered
from .service import ServiceClient, eventually_serves, running

KEY = "k3y"


@pytest.fixture
def collection(sessions: Sessions, store: ArtifactStore) -> Collection:
    return Collection(sessions, store)


@pytest.fixture
def settings(database_url: str, store: ArtifactStore) -> Settings:
    return Settings(DATABASE_URL=database_url, data=store.root)


@pytest.fixture
def offline(store: ArtifactStore) -> Settings:
    """No Postgres answers there: for what must not need one, and for its absence.

    Without a catalog nobody can tell whether a key is needed, so there is one.
    """
    none = "postgresql://soundalike@127.0.0.1:1/none"
    return Settings(DATABASE_URL=none, data=store.root, api_key=SecretStr(KEY))


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[ServiceClient]:
    async with running(settings) as client:
        yield client


@pytest.fixture
async def offline_api(offline: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with running(offline) as client:
        client.headers["X-API-Key"] = KEY
        yield client


README_TRACK = "96751f56f82c97466947c81819d9f5a3"


@pytest.fixture
async def documented(
    api: httpx.AsyncClient, collection: Collection
) -> AsyncIterator[httpx.AsyncClient]:
    """A service whose collection has what the examples of the documentation name."""
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
    collection.add({"id": README_TRACK, "title": "calm_acoustic_1"}, fado, *numbered(30))
    version = collection.publish()
    draw_map(collection.sessions, collection.store)
    await eventually_serves(api, version)
    yield api


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """The service sends all logs to its own handler; the next test wants pytest's again."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
