"""A cluster for the session: the same music ingested by one process is what its hosts must make."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from immich_memories_music import tracks_dir

from tests.cluster.cluster import Cluster, Library, postgres
from tests.cluster.hosts import hosts

FACTS: dict[str, Any] = {}
NUMBERS = count(1)
TRACKS = int(os.environ.get("TRACKS") or 8)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These need root, Linux and Ray: `make test-cluster` runs them."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FACTS:
        terminalreporter.write_line(json.dumps(FACTS, sort_keys=True))


@pytest.fixture(scope="session")
def facts() -> dict[str, Any]:
    """What was found, for the last line."""
    return FACTS


@pytest.fixture(scope="session")
def cluster(models_dir: Path) -> Iterator[Cluster]:
    """A head and two workers of one core each; Ray is not started yet."""
    pytest.importorskip("dagster_ray", reason="pip install 'soundalike[ray]'")
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("network namespaces need root on Linux")
    with tempfile.TemporaryDirectory(prefix="sa-") as name:
        folder = Path(name)
        for each in ("postgres", "music"):
            (folder / each).mkdir()
        folder.chmod(0o755)
        for file in sorted(Path(tracks_dir()).rglob("*.opus"))[:TRACKS]:
            shutil.copy(file, folder / "music")
        with hosts(3) as [head, *workers], postgres(folder / "postgres"):
            made = Cluster(folder, models_dir, head, workers)
            try:
                yield made
            finally:
                made.stop()


@pytest.fixture(scope="session")
def expected(cluster: Cluster) -> str:
    """The index version that one process makes of the music."""
    library = Library.create(cluster, "alone")
    environment = {**library.environment, "DAGSTER_HOME": ""}
    del environment["DAGSTER_HOME"]
    command = [sys.executable, "-m", "soundalike", "ingest"]
    subprocess.run(command, env=environment, cwd="/", check=True, capture_output=True)
    version: str = library.version()
    return version


@pytest.fixture
def library(cluster: Cluster) -> Iterator[Library]:
    """An empty library whose environment every node of the cluster has; Ray runs."""
    made = Library.create(cluster, f"library_{next(NUMBERS)}")
    cluster.start_ray(made)
    yield made
    cluster.stop()
