"""What Dagster's UI shows as stale, in each situation of a library's life, by its own GraphQL."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mutagen
import numpy as np
import pytest

from soundalike.environment import PROJECT, child_environment
from soundalike.postgres import connected_database
from soundalike.settings import Settings
from tests.e2e.conftest import Installation
from tests.e2e.test_up import dagster_client
from tests.patience import until
from tests.ports import free_ports
from tests.sounds import song

pytestmark = pytest.mark.slow

STATUS = """
query Status($stages: [AssetKeyInput!]!, $others: [AssetKeyInput!]!, $keys: [String!]!) {
  stages: assetNodes(assetKeys: $stages) {
    assetKey { path } status: staleStatusByPartition(partitions: $keys)
  }
  others: assetNodes(assetKeys: $others) { assetKey { path } status: staleStatus }
}
"""
STAGES = ("raw_audio", "resampled_audio", "embeddings")
OTHERS = ("library", "faiss_index", "published_index")
FRESH = {
    "library": "FRESH",
    "raw_audio": ("FRESH", "FRESH"),
    "resampled_audio": ("FRESH", "FRESH"),
    "embeddings": ("FRESH", "FRESH"),
    "faiss_index": "FRESH",
    "published_index": "FRESH",
}
DAGSTER = Path(sys.executable).with_name("dagster")
Shown = dict[str, str | tuple[str, ...]]


class Watched:
    """A library of two batches, the environment of Dagster's processes, and a web server."""

    def __init__(self, installation: Installation, environment: dict[str, str], port: int) -> None:
        self.installation, self.environment, self.port = installation, environment, port
        self.music = installation.data.parent / "music"

    def shown(self, *keys: str) -> Shown:
        """What the UI shows of each asset: a status, or one for each of these batches."""
        client = until(lambda: dagster_client(self.port))
        answer = client._execute(
            STATUS,
            {
                "stages": [{"path": [name]} for name in STAGES],
                "others": [{"path": [name]} for name in OTHERS],
                "keys": keys or ("b000001", "b000002"),
            },
        )
        statuses = {
            node["assetKey"]["path"][0]: node["status"]
            for node in answer["stages"] + answer["others"]
        }
        return {
            name: status if isinstance(status, str) else tuple(status)
            for name, status in statuses.items()
        }

    def run(self, job: str, first: str = "", last: str = "") -> None:
        """Run a job, of batches from the first to the last, as a person does in a terminal."""
        tags = {
            "dagster/asset_partition_range_start": first,
            "dagster/asset_partition_range_end": last or first,
        }
        self.dagster("job", "execute", "-j", job, "--tags", json.dumps(tags if first else {}))

    def dagster(self, *words: str) -> None:
        done = subprocess.run(
            [str(DAGSTER), *words, "-m", "pipelines.definitions"],
            env=self.environment,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def web_server(environment: dict[str, str]) -> Iterator[int]:
    """A Dagster web server; yields its port."""
    [port] = free_ports(1)
    command = [str(DAGSTER.with_name("dagster-webserver")), "-w", "workspace.yaml"]
    options = ["-h", "127.0.0.1", "-p", str(port), "--log-level", "error"]
    with subprocess.Popen([*command, *options], env=environment, cwd=PROJECT) as process:
        try:
            yield port
        finally:
            process.send_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def library(open_module_folder: Path, models_dir: Path) -> Iterator[Watched]:
    music = open_module_folder / "music"
    song(music / "a.flac", seed=1)
    song(music / "b.flac", seed=2)
    one = Installation.at(open_module_folder / "data", models_dir, SOUNDALIKE_BATCH_TRACKS="1")
    one.run("ingest", music)
    settings = Settings(data=one.data)
    with connected_database(settings) as url:
        environment = {**child_environment(settings, url), **one.environment}
        with web_server(environment) as port:
            yield Watched(one, environment, port)


def test_after_an_ingest_everything_is_fresh_and_another_one_changes_nothing(
    library: Watched,
) -> None:
    assert library.shown() == FRESH
    library.installation.run("ingest")
    assert library.shown() == FRESH


def test_a_retag_is_a_new_batch_and_nothing_else_is_stale(library: Watched) -> None:
    tags = mutagen.File(library.music / "a.flac")
    tags["title"] = "another title"
    tags.save()
    library.run("scan")
    shown = library.shown("b000001", "b000002", "b000003")
    assert shown == FRESH | dict.fromkeys(STAGES, ("FRESH", "FRESH", "MISSING"))
    library.installation.run("ingest")
    fresh = dict.fromkeys(STAGES, ("FRESH", "FRESH", "FRESH"))
    assert library.shown("b000001", "b000002", "b000003") == FRESH | fresh


def test_a_new_file_makes_its_own_batch_missing_and_then_the_index_stale(library: Watched) -> None:
    song(library.music / "c.flac", seed=3)
    library.run("scan")
    assert library.shown("b000001", "b000004")["raw_audio"] == ("FRESH", "MISSING")
    assert library.shown()["faiss_index"] == "FRESH", "there is nothing to build it from yet"
    library.run("ingest_batch", "b000004")
    assert library.shown() == FRESH | {"faiss_index": "STALE"}
    library.installation.run("ingest")
    assert library.shown() == FRESH


def test_a_backfill_that_changes_nothing_leaves_everything_fresh(library: Watched) -> None:
    library.run("ingest_batch", "b000001", "b000004")
    assert library.shown() == FRESH


def test_a_damaged_npy_that_is_healed_is_the_same_again(library: Watched) -> None:
    [path] = (library.installation.data / "embeddings").glob("*/b000001.npy")
    good = path.read_bytes()
    matrix = np.load(path)
    np.save(path, matrix * 2)
    library.run("ingest_batch", "b000001")
    assert path.read_bytes() == good
    assert library.shown() == FRESH


def test_a_rollback_is_shown_as_what_it_is_and_nothing_has_to_be_redone(library: Watched) -> None:
    old = library.installation.ask("select version from index_versions order by build limit 1")
    config = {"ops": {"published_index": {"config": {"version": old}}}}
    only = ("asset", "materialize", "--select", "published_index")
    library.dagster(*only, "--config-json", json.dumps(config))
    assert library.installation.ask("select version from publications order by id desc") == old
    assert library.shown() == FRESH
    library.dagster(*only)


@pytest.mark.parametrize("words", [("--windows", "1"), ("--windows", "2")])
def test_another_space_makes_exactly_its_vectors_and_indexes_stale(
    library: Watched, words: tuple[str, str]
) -> None:
    library.installation.run("space", "switch", *words, "--yes")
    with web_server(library.environment) as port:  # it has loaded the definitions anew
        changed = Watched(library.installation, library.environment, port)
        stale = {"embeddings": ("STALE", "STALE"), "faiss_index": "STALE"}
        assert changed.shown() == FRESH | stale
        library.installation.run("ingest")
        assert changed.shown() == FRESH
