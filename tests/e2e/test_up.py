"""`soundalike up`: new music is found, embedded, indexed and served by the daemon alone."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError

from soundalike.tcp_ports import LOOPBACK, busy_port
from tests.e2e.conftest import Installation
from tests.patience import until
from tests.ports import free_ports

TIMEOUT_SECONDS = 180
BACKFILL = """
mutation Backfill($keys: [String!]!) {
  launchPartitionBackfill(backfillParams: {
    partitionNames: $keys, assetSelection: [{path: ["embeddings"]}]
  }) { __typename ... on PythonError { message } }
}
"""


@dataclass
class Up:
    """A running `soundalike up`, asked over its two ports."""

    process: Any
    api: int
    dagster: DagsterGraphQLClient

    def index(self) -> dict[str, Any]:
        """What is served, empty while nothing is."""
        assert self.process.poll() is None, "it ended by itself"
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.api}/v1/index", timeout=30)
        except httpx.TransportError:
            return {}
        found: dict[str, Any] = answer.json() if answer.is_success else {}
        return found

    def scan(self) -> str:
        """Now, not in a quarter of an hour; again, if Dagster's connection had to be made anew."""

        def submitted() -> str | None:
            try:
                return self.dagster.submit_job_execution("scan")
            except DagsterGraphQLClientError:
                return None

        return until(submitted, TIMEOUT_SECONDS)

    def serves(self, tracks: int) -> None:
        """Waits for it."""
        until(lambda: self.index().get("tracks") == tracks, TIMEOUT_SECONDS)


@contextmanager
def running(installation: Installation) -> Iterator[Up]:
    """Started, and stopped as Ctrl-C does it; nothing of it may be left."""
    api, dagster = free_ports(2)
    ports = {"SOUNDALIKE_PORT": str(api), "SOUNDALIKE_DAGSTER_PORT": str(dagster)}
    told = Installation(installation.data, {**installation.environment, **ports})
    log = installation.data.parent / "log"
    # A pipe that nobody reads would fill, and stop them all.
    with log.open("w") as output, told.start("up", stdout=output) as process:
        try:
            yield Up(process, api, until(lambda: dagster_client(dagster), TIMEOUT_SECONDS))
        except BaseException:
            sys.stdout.write(log.read_text())  # pytest shows it
            raise
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
    assert process.returncode == 0, log.read_text()
    assert busy_port({"api": (LOOPBACK, api), "dagster": (LOOPBACK, dagster)}) is None


@pytest.fixture(scope="module")
def songs(demo_music: Path) -> list[Path]:
    return sorted(demo_music.rglob("*.opus"))[:3]


@pytest.fixture(scope="module")
def library(open_module_folder: Path, models_dir: Path, songs: list[Path]) -> Installation:
    """Two songs that nobody has looked at yet."""
    music = open_module_folder / "music"
    music.mkdir()
    for path in songs[:2]:
        shutil.copy(path, music)
    return Installation.at(
        open_module_folder / "data",
        models_dir,
        SOUNDALIKE_MUSIC=str(music),
        SOUNDALIKE_WORKERS="1",
        SOUNDALIKE_BATCH_TRACKS="1",
    )


@pytest.mark.slow
def test_what_appears_is_served_by_itself_even_if_postgres_was_killed(
    library: Installation, songs: list[Path]
) -> None:
    with running(library) as up:
        up.serves(2)
        pid_file = library.data / "postgres" / "cluster" / "postmaster.pid"
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
        until(lambda: not up_answers(up))
        until(lambda: up_answers(up), TIMEOUT_SECONDS)
        shutil.copy(songs[2], library.environment["SOUNDALIKE_MUSIC"])
        up.serves(3)


@pytest.mark.slow
def test_a_backfill_after_a_change_of_model_publishes_once_all_of_it_is_there(
    library: Installation,
) -> None:
    library.run("space", "switch", "--windows", "2", "--yes")
    with running(library) as up:
        old = until(up.index)
        keys = [f"b{number:06d}" for number in (1, 2, 3)]
        launched = up.dagster._execute(BACKFILL, {"keys": keys})["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        seen = {(old["space"], old["tracks"])}
        until(lambda: seen.add(space_of(up)) or len(seen) > 1, TIMEOUT_SECONDS)
        assert {tracks for _, tracks in seen} == {3}, "never a part of the library"


def space_of(up: Up) -> tuple[str, int]:
    index = until(up.index)
    return index["space"], index["tracks"]


def up_answers(up: Up) -> bool:
    return httpx.get(f"http://127.0.0.1:{up.api}/v1/tracks", timeout=30).is_success


def dagster_client(port: int) -> DagsterGraphQLClient | None:
    try:
        client = DagsterGraphQLClient("127.0.0.1", port_number=port)
        client._get_repo_locations_and_names_with_pipeline("scan")
    except Exception:
        return None
    return client
