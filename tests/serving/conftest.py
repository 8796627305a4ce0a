"""A made-up collection, and the service over it."""

import logging
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from soundalike.catalog.engine import Sessions
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore

from .collection import Collection
from .service import running


@pytest.fixture
def collection(sessions: Sessions, store: ArtifactStore) -> Collection:
    return Collection(sessions, store)


@pytest.fixture
def settings(database_url: str, store: ArtifactStore) -> Settings:
    return Settings(DATABASE_URL=database_url, data=store.root)


@pytest.fixture
def offline(store: ArtifactStore) -> Settings:
    """No Postgres answers there: for what must not need one, and for its absence."""
    return Settings(DATABASE_URL="postgresql://soundalike@127.0.0.1:1/none", data=store.root)


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with running(settings) as client:
        yield client


@pytest.fixture
async def offline_api(offline: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with running(offline) as client:
        yield client


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """The service sends all logs to its own handler; the next test wants pytest's again."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
