"""What all tests share: one throw-away PostgreSQL, a fresh database a test, real music."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import boto3
import pytest
from botocore.client import BaseClient
from hypothesis import settings as hypothesis_settings
from immich_memories_music import tracks_dir
from milvus_lite.server_manager import server_manager_instance
from moto.server import ThreadedMotoServer
from sqlalchemy import create_engine, make_url, text

from soundalike.audio.sandbox import Decoders
from soundalike.catalog.engine import Sessions, open_catalog
from soundalike.catalog.upgrade import upgrade
from soundalike.embedders import fetch_weights
from soundalike.embedders.mert.published import PUBLISHED
from soundalike.postgres import connected_database
from soundalike.settings import Settings, load_settings
from soundalike.storage.bucket import Bucket
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.milvus.server import Milvus
from tests.hub import MODEL, PUBLISHED_TINY, TINY, Hub, serve
from tests.library import Library
from tests.milvus import emptied, standalone
from tests.ports import free_ports

REPOSITORY = Path(__file__).parents[1]
OURS = ("SOUNDALIKE_", "DAGSTER_", "DATABASE_URL", "ENVIRONMENT", "DEBUG", "LOG_LEVEL")

# No test fails for being slow: how fast things are is for benchmarks to say.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")

for name in [name for name in os.environ if name.startswith(OURS)]:
    del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def _folders_of_no_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The lists of data roots, the default one and the cache are not those of the tests' user."""
    for name in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        os.environ[name] = str(tmp_path_factory.mktemp(name))


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Where musicnn's weights are: fetched by the first test run, kept for the next."""
    folder = REPOSITORY / ".cache" / "models"
    fetch_weights(Settings(models=folder), "musicnn-msd")
    return folder


def _open_folder() -> Iterator[Path]:
    """A folder that others may enter: root's private server runs as nobody; pytest's are closed."""
    with tempfile.TemporaryDirectory(prefix="soundalike-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


open_folder = pytest.fixture(_open_folder)
open_module_folder = pytest.fixture(_open_folder, scope="module")


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL for the session, with a migrated database named `template`."""
    with contextmanager(_open_folder)() as folder:
        settings = Settings(data=folder)
        with connected_database(settings, durable=False) as url:
            _sql(url, "create database template")
            upgrade(make_url(url).set(database="template").render_as_string(hide_password=False))
            yield url


@contextmanager
def new_database(server_url: str, template: str = "template") -> Iterator[str]:
    """An empty catalog of its own; with `template1`, a database without a table."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    _sql(server_url, f"create database {name} template {template}")
    yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    _sql(server_url, f"drop database {name} with (force)")


@pytest.fixture
def database_url(server_url: str) -> Iterator[str]:
    with new_database(server_url) as url:
        yield url


def _sql(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    opened = open_catalog(database_url)
    yield opened
    opened.kw["bind"].dispose()


@pytest.fixture(scope="session")
def decoders() -> Iterator[Decoders]:
    with Decoders() as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "data")


@pytest.fixture
def library(
    tmp_path: Path, sessions: Sessions, store: ArtifactStore, decoders: Decoders
) -> Library:
    (tmp_path / "music").mkdir()
    return Library(tmp_path / "music", sessions, store, decoders)


@pytest.fixture
def free_port() -> int:
    """A port that nothing listened on a moment ago."""
    [port] = free_ports(1)
    return port


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """An S3 server on loopback; another one, which takes any keys, if TEST_S3 is its URL."""
    if "TEST_S3" in os.environ:
        yield os.environ["TEST_S3"]
        return
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> BaseClient:
    """A client of it, with a bucket named `music`, and the environment that leads there."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    with suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket="music")
    return client


@pytest.fixture
def bucket(s3: BaseClient) -> Bucket:
    """A bucket for artifacts, with nothing in it."""
    return Bucket(f"s3://music/{uuid.uuid4().hex}/home")


@pytest.fixture(scope="session")
def milvus_server() -> Iterator[str]:
    """A standalone Milvus; another one if TEST_MILVUS is its URL."""
    if "TEST_MILVUS" in os.environ:
        yield os.environ["TEST_MILVUS"]
        return
    with standalone() as url:
        yield url


@pytest.fixture(scope="module", params=["lite", pytest.param("server", marks=pytest.mark.slow)])
def milvus(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Milvus]:
    """A Milvus with nothing in it: in this process, and in the long tests a real server too."""
    if request.param == "lite":
        opened = Milvus(str(tmp_path_factory.mktemp("milvus") / "lite.db"))
    else:
        opened = emptied(Milvus(request.getfixturevalue("milvus_server")))
    yield opened
    opened.close()
    server_manager_instance.release_all()  # else at exit, when pytest has closed what it logs to


@pytest.fixture(scope="session")
def demo_music() -> Path:
    """28 real tracks of 30 seconds."""
    return Path(tracks_dir())


@pytest.fixture(autouse=True)
def _fresh_settings() -> Iterator[None]:
    """Settings are read once a process; a test may want others."""
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.fixture
def published_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny checkpoint counts as the published MODEL."""
    monkeypatch.setitem(PUBLISHED, MODEL, PUBLISHED_TINY)


@pytest.fixture
def hub(published_tiny: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve(TINY) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served
