"""A run whose process died blocks its pool; one that goes on somewhere must not be ended."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest

from pipelines.definitions import build_defs
from pipelines.orphaned_runs import FOREGROUND_TAG, fail_lost_launches, fail_orphaned_runs
from pipelines.run_launcher import PROCESS_TAG
from pipelines.run_requests import RUN_SERVER
from soundalike.process_identity import process_identity
from tests.pipelines.conftest import Orchestra

OURS = {"module": "pipelines.run_server", "class": "InstanceRunLauncher"}
# As K8sRunLauncher, it knows nothing of this host's processes.
ANOTHER = {"module": "dagster._core.launcher", "class": "DefaultRunLauncher"}
STARTED, STARTING = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING
GONE = f"{os.getpid()}/1@here"
LIVING = f"{process_identity(os.getpid())}@here"


@pytest.fixture(autouse=True)
def _no_run_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUN_SERVER, raising=False)


@contextmanager
def runs(
    orchestra: Orchestra,
    launcher: dict[str, str],
    *tags: dict[str, str],
    status: dg.DagsterRunStatus = STARTED,
) -> Iterator[tuple[dg.DagsterInstance, list[str]]]:
    """An instance with this launcher and runs under way, and their ids."""
    job = build_defs(orchestra.resources).resolve_job_def("scan")
    with dg.instance_for_test({"run_launcher": launcher}) as instance:
        made = [instance.create_run_for_job(job, status=status, tags=each) for each in tags]
        yield instance, [run.run_id for run in made]


def under_way(instance: dg.DagsterInstance) -> list[str]:
    found = instance.get_runs(dg.RunsFilter(statuses=[STARTED, STARTING]))
    return sorted(run.run_id for run in found)


def test_runs_that_died_are_ended_and_others_left_alone(orchestra: Orchestra) -> None:
    tags = ({}, {PROCESS_TAG: GONE}, {FOREGROUND_TAG: "ingest"})
    with runs(orchestra, OURS, *tags) as (instance, [_, _, foreground]):
        assert fail_orphaned_runs(instance, background=True) == 2
        assert under_way(instance) == [foreground]
        assert fail_orphaned_runs(instance, foreground=True) == 1


def test_a_run_whose_process_lives_goes_on(orchestra: Orchestra) -> None:
    """The run server has such runs while `soundalike ingest` starts in another container."""
    with runs(orchestra, OURS, {PROCESS_TAG: LIVING}) as (instance, [living]):
        assert fail_orphaned_runs(instance, background=True, foreground=True) == 0
        assert under_way(instance) == [living]


def test_runs_of_other_hosts_are_left_to_dagsters_monitoring(orchestra: Orchestra) -> None:
    tags = ({}, {"docker/image": "soundalike:local"}, {FOREGROUND_TAG: "ingest"})
    with runs(orchestra, ANOTHER, *tags) as (instance, [first, second, _]):
        assert fail_orphaned_runs(instance, background=True, foreground=True) == 1
        assert under_way(instance) == sorted((first, second))


def test_a_run_whose_daemon_died_as_it_launched_it_does_not_wait_for_its_time(
    orchestra: Orchestra,
) -> None:
    """The others start: one has its process, one is launched just now."""
    tags = ({PROCESS_TAG: GONE}, {PROCESS_TAG: LIVING}, {})
    with runs(orchestra, OURS, *tags, status=STARTING) as (instance, [lost, *others]):
        fail_lost_launches(instance)
        assert under_way(instance) == sorted(others)
        assert instance.get_run_by_id(lost).status is dg.DagsterRunStatus.FAILURE
    with runs(orchestra, ANOTHER, *tags, status=STARTING) as (instance, every):
        fail_lost_launches(instance)
        assert under_way(instance) == sorted(every)
