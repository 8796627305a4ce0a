"""`soundalike up` when its processes are killed: it heals without a click."""

import os
import signal
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from soundalike.tcp_ports import LOOPBACK, busy_port
from tests.e2e.conftest import Installation
from tests.e2e.test_code_server import end_of, processes, run_of_a_batch, slow_library
from tests.e2e.test_up import TIMEOUT_SECONDS, Up, dagster_client, running
from tests.patience import until
from tests.ports import free_ports
from tests.sounds import song

__all__ = ["slow_library"]
pytestmark = pytest.mark.slow

BATCH_RUNS = """
{ runsOrError(filter: {pipelineName: "ingest_batch"}) {
    ... on Runs { results { runId status tags { key value } } } } }
"""
WORKER = "soundalike/process"
API, CODE_SERVER = ("-m", "serving"), ("code-server",)
WEB_SERVER, DAEMON = ("pipelines.web_server",), ("run", "--workspace")
SERVICES = (API, CODE_SERVER, WEB_SERVER, DAEMON)


def runs(up: Up) -> list[dict[str, Any]]:
    """The runs of batches, the newest first; none while Dagster is away."""
    try:
        found: list[dict[str, Any]] = up.dagster._execute(BATCH_RUNS)["runsOrError"]["results"]
    except Exception:
        return []
    return found


def worker_of(up: Up, run: str) -> psutil.Process:
    """The process that executes a run."""
    [tags] = [found["tags"] for found in runs(up) if found["runId"] == run]
    [name] = [tag["value"] for tag in tags if tag["key"] == WORKER]
    return psutil.Process(int(name.partition("/")[0]))


def leader(up: Up, words: tuple[str, ...]) -> psutil.Process:
    """The process of a service, as soon as it runs."""

    def found() -> psutil.Process | None:
        led = [child for child in processes(up, *words) if os.getsid(child.pid) == child.pid]
        return led[0] if len(led) == 1 else None

    return until(found, TIMEOUT_SECONDS)


def fresh(installation: Installation, folder: Path) -> Installation:
    """The same music in a data root of its own."""
    return Installation(
        folder / "data", {**installation.environment, "SOUNDALIKE_DATA": str(folder / "data")}
    )


@pytest.mark.parametrize("victim", ["worker", "daemon"])
def test_a_run_whose_worker_is_killed_is_noticed_and_its_work_is_done(
    open_folder: Path, slow_library: Installation, victim: str
) -> None:
    with running(fresh(slow_library, open_folder)) as up:
        run = run_of_a_batch(up)
        (worker_of(up, run) if victim == "worker" else leader(up, DAEMON)).kill()
        assert end_of(up, run) == "FAILURE"
        up.serves(8)


def test_every_service_that_is_killed_is_back_and_new_music_is_served(
    open_folder: Path, models_dir: Path
) -> None:
    music = open_folder / "music"
    music.mkdir()
    installation = Installation.at(
        open_folder / "data", models_dir, SOUNDALIKE_WORKERS="1", SOUNDALIKE_MUSIC=str(music)
    )
    with running(installation) as up:
        before = {words: leader(up, words) for words in SERVICES}
        for victim in SERVICES:
            leader(up, victim).kill()
            until(lambda: all(leader(up, words).is_running() for words in SERVICES))
        after = {words: leader(up, words) for words in SERVICES}
        assert not set(before.values()) & set(after.values())
        song(music / "a.flac", seconds=5.0)
        up.scan()
        up.serves(1)


def test_one_that_is_killed_leaves_nothing_that_holds_its_ports(
    open_folder: Path, models_dir: Path
) -> None:
    """The killed one's PostgreSQL lives on, and is used by the next one."""
    api, dagster = free_ports(2)
    ports = {"SOUNDALIKE_PORT": str(api), "SOUNDALIKE_DAGSTER_PORT": str(dagster)}
    library = Installation.at(open_folder / "data", models_dir, SOUNDALIKE_WORKERS="2", **ports)
    log = open_folder / "log"
    for ended_by in (signal.SIGKILL, signal.SIGTERM):
        with log.open("w") as output, library.start("up", stdout=output) as process:
            until(lambda: answers(api), TIMEOUT_SECONDS)
            until(lambda: dagster_client(dagster), TIMEOUT_SECONDS)
            process.send_signal(ended_by)
    assert process.returncode == 0, log.read_text()
    assert "a process that was killed still runs" in " ".join(log.read_text().split())
    until(lambda: busy_port({"api": (LOOPBACK, api), "dagster": (LOOPBACK, dagster)}) is None)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/live", timeout=30).is_success
    except httpx.TransportError:
        return False
