"""Runs must outlive the daemon that asked for them, and never be executed twice or given up."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import dagster as dg
import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.instance import InstanceRef
from dagster._core.launcher import LaunchRunContext, WorkerStatus

from pipelines.definitions import build_defs
from pipelines.run_launcher import ForkserverRunLauncher
from pipelines.run_requests import RUN_SERVER, RunServerAwayError, ask
from pipelines.run_server import InstanceRunLauncher, RunServer
from soundalike.process_identity import process_identity
from tests.pipelines.conftest import Orchestra, named
from tests.source import REPOSITORY

GONE = f"{os.getpid()}/1@here"


@pytest.fixture
def path(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path that is short enough for a socket."""
    socket_path = open_folder / "dagster" / "runs.sock"
    monkeypatch.setenv(RUN_SERVER, str(socket_path))
    return socket_path


@pytest.fixture
def instance(orchestra: Orchestra, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as opened:
        orchestra.instance = opened
        yield opened


@pytest.fixture
def server(path: Path, instance: dg.DagsterInstance) -> Iterator[RunServer]:
    with RunServer(path, instance) as started:
        Thread(target=started.serve_forever, daemon=True).start()
        yield started
        started.shutdown()


def launcher_of(instance: dg.DagsterInstance) -> InstanceRunLauncher:
    launcher = InstanceRunLauncher()
    launcher.register_instance(instance)
    return launcher


def run_of(orchestra: Orchestra, process: str | None = None) -> dg.DagsterRun:
    job = build_defs(orchestra.resources).resolve_job_def("scan")
    run = orchestra.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    return named(orchestra.instance, run, process) if process else run


def test_the_instance_asks_a_run_server_only_where_one_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configured = InstanceRef.from_dir(str(REPOSITORY)).run_launcher_data
    assert configured
    monkeypatch.delenv(RUN_SERVER, raising=False)
    assert type(configured.rehydrate(ForkserverRunLauncher)) is ForkserverRunLauncher
    monkeypatch.setenv(RUN_SERVER, "/run/runs.sock")
    assert type(configured.rehydrate(ForkserverRunLauncher)) is InstanceRunLauncher


def test_the_health_of_a_run_is_that_of_the_servers_process(
    orchestra: Orchestra, server: RunServer
) -> None:
    launcher = launcher_of(orchestra.instance)
    living = run_of(orchestra, f"{process_identity(os.getpid())}@here")
    assert launcher.check_run_worker_health(living).status is WorkerStatus.RUNNING
    gone = run_of(orchestra, GONE)
    assert launcher.check_run_worker_health(gone).status is WorkerStatus.NOT_FOUND
    assert not launcher.terminate(gone.run_id)


def test_a_server_that_is_away_neither_loses_a_run_nor_fails_one(
    orchestra: Orchestra, instance: dg.DagsterInstance, path: Path
) -> None:
    launcher, run = launcher_of(instance), run_of(orchestra, GONE)
    assert not path.exists()
    with pytest.raises(DagsterUserCodeUnreachableError, match="run server is away"):
        launcher.launch_run(LaunchRunContext(run, None))
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    assert not launcher.terminate(run.run_id)


def test_a_server_that_dies_before_it_answers_is_noticed(path: Path) -> None:
    path.parent.mkdir()
    with socket.create_server(str(path), family=socket.AF_UNIX) as dying:

        def hang_up() -> None:
            dying.accept()[0].close()

        Thread(target=hang_up, daemon=True).start()
        with pytest.raises(RunServerAwayError):
            ask("launch", "any")


def test_what_the_server_cannot_do_is_told_and_it_goes_on(
    orchestra: Orchestra, server: RunServer, path: Path
) -> None:
    for line in (b"nonsense\n", b"{}\n", b'{"run_id": "none", "action": "launch"}\n', b"\n"):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(line)
            assert b'"error"' in client.makefile("rb").readline()
    with pytest.raises(RunServerAwayError, match="there is no run"):
        ask("terminate", "none")
    assert ask("lives", run_of(orchestra, GONE).run_id) is False


def test_only_its_user_may_connect_and_a_socket_left_by_a_kill_is_no_obstacle(
    instance: dg.DagsterInstance, path: Path
) -> None:
    for _ in range(2):
        with RunServer(path, instance):
            assert path.stat().st_mode & 0o777 == 0o600
        assert path.exists()
