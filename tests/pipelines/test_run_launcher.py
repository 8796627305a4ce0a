"""A run's process that dies must be noticed, whatever killed it, and never mistaken for another."""

import errno
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.instance import InstanceRef
from dagster._core.launcher import LaunchRunContext, WorkerStatus
from sqlalchemy.exc import OperationalError

from pipelines.definitions import build_defs
from pipelines.run_launcher import PRELOADED, PROCESS_TAG, ForkserverRunLauncher
from soundalike.process_identity import process_identity
from tests.pipelines.conftest import Orchestra, named
from tests.source import REPOSITORY

LIMITS = {"concurrency": {"pools": {"granularity": "op", "default_limit": 1}}}
ENDED = {"STARTING": "FAILURE", "STARTED": "FAILURE", "CANCELING": "CANCELED"}


@pytest.mark.parametrize("name", PRELOADED)
def test_each_preloaded_module_exists(name: str) -> None:
    """The forkserver passes over what it cannot import."""
    import_module(name)


@pytest.fixture
def launcher(orchestra: Orchestra, tmp_path: Path) -> Iterator[ForkserverRunLauncher]:
    with dg.instance_for_test(LIMITS, temp_dir=str(tmp_path)) as instance:
        orchestra.instance = instance
        launcher = ForkserverRunLauncher()
        launcher.register_instance(instance)
        yield launcher


@pytest.fixture
def process() -> Iterator[BaseProcess]:
    started = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
    started.start()
    yield started
    started.kill()
    started.join()


def run_of(
    orchestra: Orchestra, status: str = "STARTED", tags: dict[str, str] | None = None
) -> dg.DagsterRun:
    job = build_defs(orchestra.resources).resolve_job_def("scan")
    return orchestra.instance.create_run_for_job(
        job, status=dg.DagsterRunStatus[status], tags=tags or {}
    )


@pytest.mark.parametrize("status", ENDED)
def test_a_run_whose_process_was_killed_ends_at_once_and_its_place_is_free(
    orchestra: Orchestra, launcher: ForkserverRunLauncher, process: BaseProcess, status: str
) -> None:
    run = run_of(orchestra, status)
    slots = orchestra.instance.event_log_storage
    slots.initialize_concurrency_limit_to_default("scan")
    assert slots.claim_concurrency_slot("scan", run.run_id, "library").is_claimed
    process.kill()
    process.join()
    launcher.await_end(process, run.run_id)
    ended = orchestra.instance.get_run_by_id(run.run_id)
    assert ended
    assert ended.status.value == ENDED[status]
    assert slots.get_concurrency_info("scan").active_slot_count == 0


def test_a_run_that_recorded_its_end_is_left_as_it_is(
    orchestra: Orchestra, launcher: ForkserverRunLauncher, process: BaseProcess
) -> None:
    run = run_of(orchestra, "SUCCESS")
    process.kill()
    process.join()
    launcher.await_end(process, run.run_id)
    ended = orchestra.instance.get_run_by_id(run.run_id)
    assert ended
    assert ended.status is dg.DagsterRunStatus.SUCCESS


def test_a_process_that_outlives_its_forkserver_is_left_to_monitoring(
    orchestra: Orchestra, launcher: ForkserverRunLauncher, process: BaseProcess
) -> None:
    run = run_of(orchestra)
    ended, told = os.pipe()
    os.close(told)  # as the kernel does with the forkserver's end

    class Abandoned:
        sentinel, pid = ended, process.pid

    launcher.await_end(Abandoned(), run.run_id)  # type: ignore[arg-type]
    os.close(ended)
    found = orchestra.instance.get_run_by_id(run.run_id)
    assert found
    assert found.status is dg.DagsterRunStatus.STARTED


@pytest.mark.parametrize("cause", [FileNotFoundError, ConnectionRefusedError, EOFError])
def test_a_daemon_whose_forkserver_cannot_be_reached_ends_itself(
    orchestra: Orchestra,
    launcher: ForkserverRunLauncher,
    monkeypatch: pytest.MonkeyPatch,
    cause: type[Exception],
) -> None:
    """Its socket went with a temporary folder, or it died as it forked; `up` starts another."""
    signals: list[int] = []

    def fails(_: object) -> None:
        raise cause

    def unreachable(**_: object) -> BaseProcess:
        unstarted = multiprocessing.get_context("spawn").Process()
        monkeypatch.setattr(unstarted, "_Popen", fails)
        return unstarted

    monkeypatch.setattr(launcher._context, "Process", unreachable)
    before = signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    try:
        with pytest.raises(DagsterUserCodeUnreachableError):
            launcher.launch_run(LaunchRunContext(run_of(orchestra, "STARTING"), None))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert signals == [signal.SIGTERM]


@pytest.mark.slow
@pytest.mark.parametrize("host", [socket.gethostname(), "a-name-of-before"])
def test_a_living_process_is_healthy_under_any_name_of_its_host(
    orchestra: Orchestra, launcher: ForkserverRunLauncher, host: str
) -> None:
    run = named(orchestra.instance, run_of(orchestra), f"{process_identity(os.getpid())}@{host}")
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING


@pytest.mark.slow
@pytest.mark.parametrize("name", ["{pid}/1@here", "{pid}@here", "0/1@elsewhere", "nonsense"])
def test_a_process_that_is_gone_is_not_taken_for_one_with_its_number(
    orchestra: Orchestra, launcher: ForkserverRunLauncher, name: str
) -> None:
    run = named(orchestra.instance, run_of(orchestra), name.format(pid=os.getpid()))
    assert launcher.check_run_worker_health(run).status is WorkerStatus.NOT_FOUND


def test_the_process_of_a_run_is_not_that_of_one_that_repeats_it(
    orchestra: Orchestra, launcher: ForkserverRunLauncher
) -> None:
    """It begins with its tags, and has no process yet while it is launched."""
    first = named(orchestra.instance, run_of(orchestra), f"{os.getpid()}/1@here")
    again = run_of(orchestra, "STARTING", tags=dict(first.tags))
    assert launcher.check_run_worker_health(first).status is WorkerStatus.NOT_FOUND
    assert launcher.check_run_worker_health(again).status is WorkerStatus.RUNNING
    assert launcher.has_lost(again), "once no daemon is left that could be launching it"
    living = named(orchestra.instance, run_of(orchestra), f"{process_identity(os.getpid())}@here")
    again = run_of(orchestra, tags=dict(living.tags))
    assert not launcher.terminate(again.run_id)
    assert launcher.has_lost(again)


def test_a_run_in_a_terminal_counts_as_living(
    orchestra: Orchestra, launcher: ForkserverRunLauncher
) -> None:
    assert launcher.check_run_worker_health(run_of(orchestra)).status is WorkerStatus.RUNNING


@pytest.mark.parametrize("writes", [0, 1], ids=["away before", "away meanwhile"])
def test_a_launch_without_a_database_goes_back_into_the_queue_and_leaves_no_process(
    orchestra: Orchestra,
    launcher: ForkserverRunLauncher,
    monkeypatch: pytest.MonkeyPatch,
    writes: int,
) -> None:
    written: list[object] = []

    def away(*tags: object) -> None:
        written.append(tags)
        if len(written) > writes:
            raise OperationalError("insert", {}, Exception("server closed the connection"))

    started = sleepers(launcher, monkeypatch)
    monkeypatch.setattr(orchestra.instance, "add_run_tags", away)
    run = run_of(orchestra, "STARTING")
    with pytest.raises(DagsterUserCodeUnreachableError):
        launcher.launch_run(LaunchRunContext(run, None))
    assert len(started) == writes
    assert all(ended(process) for process in started)


def test_a_launch_without_a_thread_goes_back_into_the_queue_and_leaves_no_process(
    orchestra: Orchestra, launcher: ForkserverRunLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    started = sleepers(launcher, monkeypatch)
    run = run_of(orchestra, "STARTING")
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(DagsterUserCodeUnreachableError, match="can't start new thread"):
            launcher.launch_run(LaunchRunContext(run, None))
    assert [ended(process) for process in started] == [True]


@pytest.mark.parametrize("refusal", [OSError(errno.EMFILE, "too many files"), MemoryError()])
def test_a_run_that_the_system_refuses_a_process_goes_back_into_the_queue(
    orchestra: Orchestra,
    launcher: ForkserverRunLauncher,
    monkeypatch: pytest.MonkeyPatch,
    refusal: Exception,
) -> None:
    def refuse(_: object) -> None:
        raise refusal

    process = multiprocessing.get_context("spawn").Process()
    monkeypatch.setattr(process, "_Popen", refuse)
    monkeypatch.setattr(launcher._context, "Process", lambda **_: process)
    with pytest.raises(DagsterUserCodeUnreachableError, match="no process can be forked"):
        launcher.launch_run(LaunchRunContext(run_of(orchestra, "STARTING"), None))


def sleepers(launcher: ForkserverRunLauncher, monkeypatch: pytest.MonkeyPatch) -> list[BaseProcess]:
    """The processes that the launcher starts from now on, which execute nothing."""
    started: list[BaseProcess] = []

    def sleeping(**_: object) -> BaseProcess:
        spawned = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(600,))
        started.append(spawned)
        return spawned

    monkeypatch.setattr(launcher._context, "Process", sleeping)
    return started


def ended(process: BaseProcess) -> bool:
    """Whether it was killed."""
    process.join(60)
    return bool(process.exitcode)


def test_a_run_has_a_name_while_it_is_launched(
    orchestra: Orchestra, launcher: ForkserverRunLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By which it is known as lost if the daemon dies at that moment."""

    def killed(**_: object) -> BaseProcess:
        raise KeyboardInterrupt

    monkeypatch.setattr(launcher._context, "Process", killed)
    run = run_of(orchestra, "STARTING")
    with pytest.raises(KeyboardInterrupt):
        launcher.launch_run(LaunchRunContext(run, None))
    told = orchestra.instance.get_run_by_id(run.run_id)
    assert told
    name = f"{process_identity(os.getpid())}@{socket.gethostname()} for {run.run_id}"
    assert told.tags[PROCESS_TAG] == name


def test_a_run_that_could_not_be_launched_is_given_up_after_two_minutes() -> None:
    """Dagster fails to put it back into the queue if the database is still away then."""
    monitoring = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())["run_monitoring"]
    assert monitoring["enabled"]
    assert monitoring["start_timeout_seconds"] <= 120


def test_queued_runs_outlive_a_code_server_and_a_database_that_are_away() -> None:
    configured = InstanceRef.from_dir(str(REPOSITORY)).run_coordinator_data
    assert configured
    options = dict(configured.config_dict)
    waited = options["max_user_code_failure_retries"] * options["user_code_failure_retry_delay"]
    assert waited >= 3600
