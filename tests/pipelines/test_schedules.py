"""What the clock starts, and what a person reads of the ticks that start nothing."""

import datetime as dt
import re

import dagster as dg
import pytest

from pipelines.definitions import build_defs, defs
from pipelines.schedules import next_time, prune_schedule, scan_schedule, shown_time
from soundalike.settings import load_settings
from tests.pipelines.conftest import Orchestra
from tests.pipelines.test_pools import NO_COMPUTE_LOGS
from tests.source import REPOSITORY

SCHEDULES = {"scan": scan_schedule, "prune": prune_schedule}


def tick(orchestra: Orchestra, job: str) -> dg.RunRequest | dg.SkipReason:
    context = dg.build_schedule_context(
        instance=orchestra.instance, scheduled_execution_time=dt.datetime.now(dt.UTC)
    )
    result = SCHEDULES[job](context)
    assert isinstance(result, dg.RunRequest | dg.SkipReason)
    return result


def setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SOUNDALIKE_{name}", value)
    load_settings.cache_clear()


@pytest.mark.parametrize("job", ["scan", "prune"])
def test_a_run_is_requested_unless_one_has_not_ended_which_is_said(
    orchestra: Orchestra, job: str
) -> None:
    with dg.instance_for_test(NO_COMPUTE_LOGS) as instance:
        orchestra.instance = instance
        requested_once_at_a_time(orchestra, job)


def requested_once_at_a_time(orchestra: Orchestra, job: str) -> None:
    assert isinstance(tick(orchestra, job), dg.RunRequest)
    definition = build_defs(orchestra.resources).resolve_job_def(job)
    run = orchestra.instance.create_run_for_job(definition, status=dg.DagsterRunStatus.STARTED)
    said = str(tick(orchestra, job))
    assert f"run {run.run_id[:8]} of {job} has not ended; next try" in said
    assert re.search(r"next try \d\d:\d\d", said)
    orchestra.instance.report_run_failed(run)
    assert isinstance(tick(orchestra, job), dg.RunRequest), "one that failed is tried again"


def test_everything_that_starts_runs_is_on_and_described() -> None:
    repository = defs().get_repository_def()
    automation = [*repository.schedule_defs, *repository.sensor_defs]
    assert {each.name for each in automation} >= {
        *("scan_schedule", "prune_schedule", "unscanned_music", "sealed_batches"),
    }
    assert [each.name for each in automation if not each.description] == []
    off = {each.name for each in automation if each.default_status.value != "RUNNING"}
    assert off == set()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    assert len(jobs) > 3
    assert [job.name for job in jobs if not job.description] == []
    resources = repository.get_top_level_resources()
    assert len(resources) > 3
    assert [name for name, each in resources.items() if not each.description] == []


def test_times_are_those_of_the_zone_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    setting(monkeypatch, "TIMEZONE", "Asia/Kolkata")
    noon = dt.datetime.now(dt.UTC).replace(hour=12, minute=0) - dt.timedelta(days=2)
    assert shown_time(noon.timestamp()) == f"17:30 on {noon:%Y-%m-%d}"
    now = dt.datetime.now(dt.UTC)
    assert re.fullmatch(r"\d\d:\d\d", shown_time(now.timestamp()))
    assert next_time("30 0 1 1 *").startswith("00:30 on ")


@pytest.mark.parametrize(
    ("cron", "zone", "then"),
    [
        ("0 * * * *", "UTC", "11:00 on 2026-05-04"),
        ("30 3 * * *", "Europe/Berlin", "03:30 on 2026-05-05"),
        ("0 4 * * 0", "America/New_York", "04:00 on 2026-05-10"),
    ],
)
def test_the_documented_examples_are_hourly_nightly_and_weekly(
    monkeypatch: pytest.MonkeyPatch, cron: str, zone: str, then: str
) -> None:
    """Seen from a Monday morning."""
    setting(monkeypatch, "TIMEZONE", zone)
    assert cron in (REPOSITORY / "docs" / "operations.md").read_text()
    assert next_time(cron, dt.datetime(2026, 5, 4, 10, 20, tzinfo=dt.UTC)) == then
