"""Data roots whose servers are stopped, whatever a test did to them; nothing in /var/lib."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from soundalike.postgres import location
from soundalike.postgres.server import Server, private_server
from tests.postgres.users import using


@pytest.fixture(autouse=True)
def outside(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of /var/lib/soundalike."""
    monkeypatch.setattr(location, "OUTSIDE", open_folder / "outside")
    return open_folder / "outside"


@pytest.fixture
def empty_data(open_folder: Path) -> Path:
    """A data root in which nothing was ever started."""
    data = open_folder / "data"
    data.mkdir()
    return data


@pytest.fixture(scope="session")
def used_data() -> Iterator[Path]:
    """A data root whose server ran before, so that not every test waits for initdb."""
    with tempfile.TemporaryDirectory(prefix="soundalike-") as name:
        Path(name).chmod(0o755)
        data = Path(name, "data")
        with using(data):
            pass
        yield data


@pytest.fixture
def server(used_data: Path) -> Iterator[Server]:
    """The server of `data`."""
    made = private_server(used_data, durable=False)
    yield made
    made.stop()


@pytest.fixture
def data(used_data: Path, server: Server) -> Path:
    """A data root whose server ran before, shared by tests that leave it as it was."""
    return used_data
