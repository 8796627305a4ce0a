"""A running service over a small collection, for clients that speak HTTP to it."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import uvicorn

from serving.app import create_app
from serving.server import server_options
from soundalike.catalog.engine import open_catalog
from soundalike.client import Client
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from tests.conftest import new_database
from tests.serving.collection import Collection, numbered

KEY = "the key of these tests"


@dataclass(frozen=True)
class Service:
    """Where it listens, and the ids of its tracks."""

    address: str
    tracks: list[str]


@pytest.fixture(scope="module")
def service(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = ArtifactStore(tmp_path_factory.mktemp("client") / "data")
    with new_database(server_url) as url:
        sessions = open_catalog(url)
        collection = Collection(sessions, store)
        facts = {"genres": ["Fado", "Folk"], "year": 2011, "file_tags": {"track": 3}}
        tracks = collection.add({"title": "Saudade", "artist": "Ana Lua", **facts})
        tracks += collection.add(*numbered(30, artist="Ana Lua"))
        collection.publish()
        own = Settings(DATABASE_URL=url, data=store.root, api_key=KEY)
        config = uvicorn.Config(create_app(own), port=0, log_config=None, **server_options(own))
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            thread.join(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Service(f"http://127.0.0.1:{port}", tracks)
        server.should_exit = True
        thread.join()
        sessions.kw["bind"].dispose()


@pytest.fixture
def music(service: Service) -> Iterator[Client]:
    with Client(service.address, key=KEY) as client:
        yield client
