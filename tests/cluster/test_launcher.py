"""What Ray's job server says, or does not, must end no run that lives, nor start one twice."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import LaunchRunContext, RunLauncher, WorkerStatus
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin

from pipelines.orphaned_runs import fail_orphaned_runs
from tests.source import REPOSITORY

Launched = tuple[dg.DagsterInstance, dg.DagsterRun]


class JobServer(ThreadingHTTPServer):
    """The head's server of jobs, as far as the launcher asks it."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.answers_lost = self.failing = False
        super().__init__(("127.0.0.1", 0), _Request)


class _Request(BaseHTTPRequestHandler):
    server: JobServer

    def do_POST(self) -> None:
        job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = {"type": "SUBMISSION", "status": "PENDING", "message": "it waits for a core"}
        self.server.jobs[job["submission_id"]] = status | job
        if self.server.answers_lost:
            return self._answer(500, "the answer was lost")
        return self._answer(200, {"job_id": "1", "submission_id": job["submission_id"]})

    def do_GET(self) -> None:
        if self.path == "/api/version":
            version = {"version": "4", "ray_version": "2.60.0", "ray_commit": ""}
            return self._answer(200, version)
        if self.server.failing:
            return self._answer(500, "the head is busy")
        job = self.server.jobs.get(self.path.rpartition("/")[2])
        return self._answer(200, job) if job else self._answer(404, "Job does not exist")

    def _answer(self, status: int, body: Any) -> None:
        text = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[JobServer]:
    pytest.importorskip("dagster_ray", reason="pip install 'soundalike[ray]'")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.setattr("pipelines.ray_launcher.LOOK_SECONDS", 1000.0)
    with JobServer() as started:
        monkeypatch.setenv("RAY_API_SERVER_ADDRESS", f"http://127.0.0.1:{started.server_port}")
        Thread(target=started.serve_forever, daemon=True).start()
        yield started
        started.shutdown()


@pytest.fixture
def instance(head: JobServer) -> Iterator[dg.DagsterInstance]:
    config = yaml.safe_load((REPOSITORY / "deploy/ray/dagster.yaml").read_text())
    named = {name: config[name] for name in ("run_launcher", "concurrency")}
    with dg.instance_for_test(named) as opened:
        yield opened


def launched(instance: dg.DagsterInstance, **tags: str) -> dg.DagsterRun:
    repository = RepositoryPythonOrigin(
        "/opt/soundalike/bin/python", ModuleCodePointer("pipelines.definitions", "defs")
    )
    run = instance.create_run_for_job(
        dg.GraphDefinition(name="nothing").to_job(),
        status=dg.DagsterRunStatus.STARTED,
        tags=tags,
        job_code_origin=JobPythonOrigin("nothing", repository),
    )
    instance.run_launcher.launch_run(LaunchRunContext(run, None))
    return run


def health(instance: dg.DagsterInstance, run: dg.DagsterRun) -> WorkerStatus:
    launcher: RunLauncher[dg.DagsterInstance] = instance.run_launcher
    return launcher.check_run_worker_health(run).status


def test_a_job_has_the_cores_of_its_tags_and_is_told_them(
    head: JobServer, instance: dg.DagsterInstance
) -> None:
    launched(instance, **{"dagster-ray/config": '{"num_cpus": 3, "num_gpus": 0.5}'})
    launched(instance)
    shared, usual = head.jobs.values()
    assert (shared["entrypoint_num_cpus"], shared["entrypoint_num_gpus"]) == (3, 0.5)
    assert usual["entrypoint_num_cpus"] == 1
    assert "--cores 3 " in shared["entrypoint"]
    assert shared["entrypoint"].startswith("/opt/soundalike/bin/python -P -m pipelines.remote_run")


def test_pools_of_spread_work_are_widened_unless_somebody_set_them(
    instance: dg.DagsterInstance,
) -> None:
    instance.event_log_storage.set_concurrency_slots("model", 2)
    launched(instance)
    limits = {each.name: each.limit for each in instance.event_log_storage.get_pool_limits()}
    assert limits == {"model": 2, "decode": 32}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("PENDING", WorkerStatus.RUNNING),
        ("RUNNING", WorkerStatus.RUNNING),
        ("FAILED", WorkerStatus.FAILED),
        ("STOPPED", WorkerStatus.FAILED),
    ],
)
def test_a_run_lives_as_long_as_its_job(
    head: JobServer, instance: dg.DagsterInstance, status: str, expected: WorkerStatus
) -> None:
    run = launched(instance)
    [job] = head.jobs.values()
    job["status"] = status
    assert health(instance, run) is expected
    ended = fail_orphaned_runs(instance, background=True)
    assert ended == (expected is WorkerStatus.FAILED)


def test_a_head_that_does_not_answer_ends_no_run(
    head: JobServer, instance: dg.DagsterInstance
) -> None:
    run = launched(instance)
    head.failing = True
    assert health(instance, run) is WorkerStatus.RUNNING
    head.shutdown()
    head.server_close()
    assert health(instance, run) is WorkerStatus.RUNNING
    assert fail_orphaned_runs(instance, background=True) == 0
    assert not instance.run_launcher.terminate(run.run_id)


def test_a_head_that_has_forgotten_a_job_has_lost_its_run(
    head: JobServer, instance: dg.DagsterInstance
) -> None:
    run = launched(instance)
    head.jobs.clear()
    assert health(instance, run) is WorkerStatus.NOT_FOUND
    assert fail_orphaned_runs(instance, background=True) == 1


def test_a_run_goes_back_into_the_queue_while_no_head_answers(
    head: JobServer, instance: dg.DagsterInstance
) -> None:
    head.shutdown()
    head.server_close()
    with pytest.raises(DagsterUserCodeUnreachableError, match="Ray took no job"):
        launched(instance)


def test_a_job_whose_answer_was_lost_is_not_submitted_again(
    head: JobServer, instance: dg.DagsterInstance
) -> None:
    head.answers_lost = True
    run = launched(instance)
    assert len(head.jobs) == 1
    assert health(instance, run) is WorkerStatus.RUNNING
