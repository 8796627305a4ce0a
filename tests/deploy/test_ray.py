"""What a Ray cluster is configured with must not drift from what one machine has."""

from typing import Any

import yaml

from tests.source import REPOSITORY


def instance() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((REPOSITORY / "deploy/ray/dagster.yaml").read_text())
    return read


def test_the_instance_differs_from_the_repositorys_in_launcher_limits_and_start_only() -> None:
    here, there = instance(), yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
    for each in (here, there):
        del each["run_launcher"]
        del each["concurrency"]["runs"]["max_concurrent_runs"]
        for limited in each["concurrency"]["runs"]["tag_concurrency_limits"]:
            del limited["limit"]
        del each["run_monitoring"]["start_timeout_seconds"]
    assert here == there


def test_a_scan_or_an_index_never_waits_behind_a_backlog() -> None:
    runs = instance()["concurrency"]["runs"]
    limits = [each["limit"] for each in runs["tag_concurrency_limits"]]
    assert len(limits) == 2
    assert max(limits) < runs["max_concurrent_runs"]


def test_every_job_has_a_core_so_that_none_is_the_heads() -> None:
    assert instance()["run_launcher"]["config"]["ray"]["num_cpus"] >= 1
