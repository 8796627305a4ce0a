"""A run whose process died blocks its pool; one that goes on somewhere must not be ended."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG

from pipelines import orphaned_runs
from pipelines.definitions import build_defs
from pipelines.orphaned_runs import (
    FOREGROUND_TAG,
    fail_lost_launches,
    fail_lost_requests,
    fail_orphaned_runs,
)
from pipelines.run_launcher import PROCESS_TAG
from pipelines.run_requests import RUN_SERVER
from soundalike.process_identity import process_identity
from tests.pipelines.conftest import Orchestra, named

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
    *tags: dict[str, Any],
    status: dg.DagsterRunStatus = STARTED,
) -> Iterator[tuple[dg.DagsterInstance, list[str]]]:
    """An instance with this launcher and runs under way, and their ids.

    A tag of a process is as the launcher writes it.
    """
    job = build_defs(orchestra.resources).resolve_job_def("scan")
    with dg.instance_for_test({"run_launcher": launcher}) as instance:
        made = []
        for each in tags:
            others = {key: value for key, value in each.items() if key != PROCESS_TAG}
            run = instance.create_run_for_job(job, status=status, tags=others)
            made.append(named(instance, run, each[PROCESS_TAG]) if PROCESS_TAG in each else run)
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


def test_a_run_that_dagster_repeats_is_no_longer_one_of_the_terminal(orchestra: Orchestra) -> None:
    """It has the tags of the run that it repeats; `soundalike ingest` never repeats one."""
    again = {FOREGROUND_TAG: "ingest", PARENT_RUN_ID_TAG: "a", ROOT_RUN_ID_TAG: "a"}
    with runs(orchestra, OURS, again) as (instance, [repeated]):
        assert fail_orphaned_runs(instance, foreground=True) == 0
        assert under_way(instance) == [repeated]


def test_a_run_that_was_never_queued_does_not_count_as_under_way_for_long(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk Dagster can create a run, and then not record that it is queued."""
    created = dg.DagsterRunStatus.NOT_STARTED
    tags = ({}, {FOREGROUND_TAG: "ingest"})
    with runs(orchestra, OURS, *tags, status=created) as (instance, [lost, foreground]):
        fail_lost_requests(instance)
        assert unqueued(instance) == sorted((lost, foreground)), "they were created a moment ago"
        monkeypatch.setattr(orphaned_runs, "QUEUED_WITHIN", timedelta(seconds=-5))
        fail_lost_requests(instance)
        assert unqueued(instance) == [foreground]
        assert instance.get_run_by_id(lost).status is dg.DagsterRunStatus.FAILURE
        assert fail_orphaned_runs(instance, foreground=True) == 1
        assert unqueued(instance) == []


def unqueued(instance: dg.DagsterInstance) -> list[str]:
    found = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.NOT_STARTED]))
    return sorted(run.run_id for run in found)
