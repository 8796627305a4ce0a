"""An ingest that submits its runs must see them to their ends, and leave none behind."""

from collections.abc import Iterator
from typing import Any, ClassVar

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._serdes import ConfigurableClass
from rich.console import Console

from pipelines.definitions import build_defs
from pipelines.foreground import remote_runner
from pipelines.foreground.remote_runner import RemoteRunner
from pipelines.foreground.submission import NotLaunched
from pipelines.interrupts import Interrupts
from pipelines.launchers import OwnLauncher
from pipelines.run_errors import RunFailed
from pipelines.told import WAITED_TAG
from soundalike.ingest.scan import ScanReport
from soundalike.ingest.stage import StageReport
from soundalike.settings import load_settings
from tests.pipelines.conftest import Orchestra
from tests.sounds import song


class Cluster(OwnLauncher, RunLauncher[dg.DagsterInstance], ConfigurableClass):
    """Executes a run as soon as it is launched, but for the first ones, which it loses or keeps."""

    spans_machines = separates_stages = True
    resources: ClassVar[dict[str, Any]] = {}
    to_lose: ClassVar[int] = 0
    away: ClassVar[bool] = False
    terminated: ClassVar[list[str]] = []

    def __init__(self, inst_data: Any = None) -> None:
        super().__init__()
        self._inst_data = inst_data

    @property
    def inst_data(self) -> Any:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "Cluster":
        return cls(inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        run = context.dagster_run
        if Cluster.away:
            raise ConnectionError("nobody answers at the head")
        if Cluster.to_lose:
            Cluster.to_lose -= 1
            started = dg.DagsterEvent("PIPELINE_START", run.job_name)
            self._instance.report_dagster_event(started, run_id=run.run_id)
            return
        job = build_defs(Cluster.resources).resolve_job_def(run.job_name)
        execute_run(InMemoryJob(job), run, self._instance)

    def has_lost(self, run: dg.DagsterRun) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "its node is gone")

    def terminate(self, run_id: str) -> bool:
        Cluster.terminated.append(run_id)
        return True


@pytest.fixture
def runner(orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteRunner]:
    kept = {name: orchestra.resources[name] for name in ("sessions", "store", "decoders", "model")}
    monkeypatch.setattr(Cluster, "resources", kept)
    monkeypatch.setattr(Cluster, "to_lose", 0)
    monkeypatch.setattr(Cluster, "terminated", [])
    monkeypatch.setattr(remote_runner, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(remote_runner, "HEALTH_SECONDS", 0.0)
    launcher = {"module": __name__, "class": "Cluster"}
    limits = {"runs": {"max_concurrent_runs": 2}}
    overrides = {"run_launcher": launcher, "concurrency": limits}
    with dg.instance_for_test(overrides) as instance, Interrupts() as interrupts:
        yield RemoteRunner(
            *(instance, kept["sessions"], load_settings(), interrupts, Console(quiet=True))
        )


def jobs(runner: RemoteRunner) -> list[tuple[str, str]]:
    """The jobs and ends of all runs, oldest first."""
    found = reversed(list(runner.instance.get_runs()))
    return [(run.job_name, run.status.value) for run in found]


def test_batches_are_decoded_and_embedded_elsewhere_and_reported_here(
    orchestra: Orchestra, runner: RemoteRunner
) -> None:
    song(orchestra.music / "a.flac")
    runner.run("scan")
    assert runner.reports.last(ScanReport).music == 1
    assert runner.run_batches(["b000001"]) == []
    assert [report.done for report in runner.reports.of(StageReport)] == [1, 1, 1]
    assert jobs(runner) == [
        *(("scan", "SUCCESS"), ("decode_batch", "SUCCESS"), ("embed_batch", "SUCCESS")),
    ]
    assert all(run.tags[WAITED_TAG] == "ingest" for run in runner.instance.get_runs())


@pytest.mark.slow
def test_a_run_whose_machine_is_lost_is_repeated(
    orchestra: Orchestra, runner: RemoteRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cluster, "to_lose", 2)
    runner.run("scan")
    assert jobs(runner) == [("scan", "FAILURE"), ("scan", "FAILURE"), ("scan", "SUCCESS")]


@pytest.mark.slow
def test_a_run_that_is_lost_each_time_is_given_up(
    runner: RemoteRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cluster, "to_lose", 100)
    with pytest.raises(RunFailed, match="of scan was lost: it was lost: its node is gone"):
        runner.run("scan")
    assert len(jobs(runner)) == remote_runner.TRIES


@pytest.mark.slow
def test_why_a_batch_failed_is_told_once_and_the_others_go_on(
    orchestra: Orchestra, runner: RemoteRunner
) -> None:
    song(orchestra.music / "a.flac")
    runner.run("scan")
    [failed] = runner.run_batches(["b000001", "b000002"])  # there is no second one
    assert "of embed_batch failed: there is no batch b000002 in the library" in failed
    assert ("embed_batch", "SUCCESS") in jobs(runner)


def test_runs_under_way_are_ended_when_the_user_stops(
    runner: RemoteRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cluster, "to_lose", 100)
    monkeypatch.setattr(remote_runner, "HEALTH_SECONDS", 1000.0)

    def stop() -> None:
        if runner._under_way:
            raise KeyboardInterrupt

    monkeypatch.setattr(runner._interrupts, "check", stop)
    with pytest.raises(KeyboardInterrupt):
        runner.run("scan")
    [run] = runner.instance.get_runs()
    assert Cluster.terminated == [run.run_id]


def test_a_launcher_that_is_away_is_said_at_once(
    runner: RemoteRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cluster, "away", True)
    with pytest.raises(NotLaunched, match="scan could not be started: nobody answers at the head"):
        runner.run("scan")
