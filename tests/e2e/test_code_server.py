"""The code server that `soundalike up` keeps for Dagster's web server and daemon."""

import os
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.conftest import Installation
from tests.e2e.test_up import TIMEOUT_SECONDS, Up, running
from tests.patience import until

ENDED = ("SUCCESS", "FAILURE", "CANCELED")
BATCH_RUNS = """
{ runsOrError(filter: {pipelineName: "ingest_batch"}) { ... on Runs { results { runId status } } } }
"""
CODE_VERSION = '{ assetNodes(assetKeys: [{path: ["embeddings"]}]) { opVersion } }'
TERMINATE = "mutation End($run: String!) { terminateRun(runId: $run) { __typename } }"


@pytest.fixture(scope="module")
def slow_library(open_module_folder: Path, models_dir: Path, demo_music: Path) -> Installation:
    """Eight songs, of which every window is embedded: their run takes a while."""
    music = open_module_folder / "music"
    music.mkdir()
    for path in sorted(demo_music.rglob("*.opus"))[:8]:
        shutil.copy(path, music)
    return Installation.at(
        open_module_folder / "data",
        models_dir,
        SOUNDALIKE_MUSIC=str(music),
        SOUNDALIKE_WORKERS="1",
        SOUNDALIKE_WINDOWS="all",
    )


def processes(up: Up, *words: str) -> list[psutil.Process]:
    """Everything that `up` started, whose command line has these words."""
    return [
        process
        for process in psutil.Process(up.process.pid).children(recursive=True)
        if all(word in command_of(process) for word in words)
    ]


def command_of(process: psutil.Process) -> list[str]:
    """Its command line; empty if it has ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def run_of_a_batch(up: Up) -> str:
    """The run of the one batch, as soon as it executes."""
    up.scan()

    def started() -> str | None:
        runs = up.dagster._execute(BATCH_RUNS)["runsOrError"]["results"]
        return next((run["runId"] for run in runs if run["status"] == "STARTED"), None)

    return until(started, TIMEOUT_SECONDS)


def end_of(up: Up, run: str) -> Any:
    def status() -> str | None:
        found = up.dagster.get_run_status(run).value
        return found if found in ENDED else None

    return until(status, TIMEOUT_SECONDS)


@pytest.mark.slow
def test_it_is_shared_and_runs_can_be_terminated(slow_library: Installation) -> None:
    with running(slow_library) as up:
        assert len(processes(up, "code-server")) == 1
        assert len(processes(up, "grpc")) == 1, "web server or daemon started one of their own"
        run = run_of_a_batch(up)
        up.dagster._execute(TERMINATE, {"run": run})
        assert end_of(up, run) == "CANCELED"
        assert len(processes(up, "grpc")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["code-server", "grpc"])
def test_one_that_is_killed_is_started_again_and_runs_go_on(
    open_folder: Path, slow_library: Installation, victim: str
) -> None:
    data = open_folder / "data"
    told = {**slow_library.environment, "SOUNDALIKE_DATA": str(data)}
    with running(Installation(data, told)) as up:
        run = run_of_a_batch(up)
        (killed,) = processes(up, victim)
        killed.kill()
        assert end_of(up, run) == "SUCCESS"
        assert end_of(up, up.scan()) == "SUCCESS"
        assert len(processes(up, "code-server")) == len(processes(up, "grpc")) == 1


@pytest.mark.slow
def test_it_loads_the_pipeline_again_after_a_switch_of_space(
    open_folder: Path, models_dir: Path
) -> None:
    """Else the UI shows embeddings of the old space as up to date."""
    installation = Installation.at(open_folder / "data", models_dir, SOUNDALIKE_WORKERS="1")
    with running(installation) as up:
        before = up.dagster._execute(CODE_VERSION)["assetNodes"]
        installation.run("space", "switch", "--windows", "2", "--yes")

        def after() -> Any:
            answer = up.dagster._execute(CODE_VERSION)
            return answer["assetNodes"] if answer["assetNodes"] != before else None

        [shown] = until(after, TIMEOUT_SECONDS)
        assert shown["opVersion"] == installation.ask("select space from library_settings")


@pytest.mark.slow
def test_it_listens_where_only_its_user_may_enter_however_long_the_path(
    open_folder: Path, models_dir: Path
) -> None:
    data = open_folder / ("long" * 30)
    with running(Installation.at(data, models_dir, SOUNDALIKE_WORKERS="1")) as up:
        (server,) = processes(up, "code-server")
        words = server.cmdline()
        path = Path(words[words.index("--socket") + 1])
        assert path.parent.stat().st_mode & 0o077 == 0
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        os.kill(up.process.pid, signal.SIGTERM)
        up.process.wait(timeout=60)
        assert not path.exists()
