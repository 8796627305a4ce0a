"""Sensors ask for each piece of work once, and never for none."""

import dagster as dg
import pytest

from pipelines.definitions import build_defs
from pipelines.orphaned_runs import FOREGROUND_TAG, fail_orphaned_runs
from pipelines.schedules import scan_schedule
from pipelines.sensors import (
    MAX_REQUESTS,
    batch_requests,
    changed_library,
    sealed_batches,
)
from soundalike.catalog.batches import PendingBatch
from soundalike.catalog.engine import ingest_lock
from soundalike.settings import load_settings
from soundalike.vectors.index_files import IndexManifest
from tests.pipelines.conftest import Orchestra
from tests.sounds import song


def batch_tick(orchestra: Orchestra) -> dg.SensorResult | dg.SkipReason:
    resources = {key: orchestra.resources[key] for key in ("sessions", "model")}
    with dg.build_sensor_context(instance=orchestra.instance) as context:
        result = sealed_batches(context, **resources)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def index_tick(orchestra: Orchestra) -> dg.RunRequest | dg.SkipReason:
    resources = {key: orchestra.resources[key] for key in ("sessions", "store", "model")}
    with dg.build_sensor_context(instance=orchestra.instance) as context:
        result = changed_library(context, **resources)
    assert isinstance(result, dg.RunRequest | dg.SkipReason)
    return result


def test_each_reason_to_run_a_batch_has_its_own_key() -> None:
    first = PendingBatch("b000001", "first")
    again = PendingBatch("b000001", "2026-01-01T00:00:00")

    def key(batch: PendingBatch, space: str = "space", hour: str = "12") -> str | None:
        [request] = batch_requests([batch], space, set(), hour)
        return request.run_key

    assert key(first) == key(first)
    assert len({key(first), key(again), key(first, "other"), key(first, hour="13")}) == 4


def test_a_batch_under_way_is_not_asked_for_again() -> None:
    pending = [PendingBatch("b000001", "first"), PendingBatch("b000002", "first")]
    [request] = batch_requests(pending, "space", {"b000001"}, "12")
    assert request.partition_key == "b000002"


def test_a_tick_is_bounded() -> None:
    many = [PendingBatch(f"b{n:06d}", "first") for n in range(5 * MAX_REQUESTS)]
    assert len(batch_requests(many, "space", set(), "12")) == MAX_REQUESTS


def test_runs_that_died_are_ended_and_others_left_alone(orchestra: Orchestra) -> None:
    instance = orchestra.instance
    job = build_defs(orchestra.resources).resolve_job_def("scan")
    for tags in ({}, {FOREGROUND_TAG: "ingest"}):
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    assert fail_orphaned_runs(instance, background=True) == 1
    left = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    assert [FOREGROUND_TAG in run.tags for run in left] == [True]
    assert fail_orphaned_runs(instance, foreground=True) == 1


def test_a_sealed_batch_becomes_a_partition_and_one_run(orchestra: Orchestra) -> None:
    song(orchestra.music / "a.flac")
    assert "every batch is embedded" in str(batch_tick(orchestra))
    assert orchestra.run("scan").success
    first, second = batch_tick(orchestra), batch_tick(orchestra)
    assert isinstance(first, dg.SensorResult)
    assert isinstance(second, dg.SensorResult)
    assert [request.partition_key for request in first.run_requests] == ["b000001"]
    assert first.dynamic_partitions_requests[0].partition_keys == ["b000001"]
    assert first.run_requests[0].run_key == second.run_requests[0].run_key


def test_a_foreground_ingest_is_left_alone(orchestra: Orchestra) -> None:
    with ingest_lock(orchestra.resources["sessions"]):
        assert "in a terminal" in str(batch_tick(orchestra))
        assert "in a terminal" in str(index_tick(orchestra))


def test_the_index_follows_the_library_also_back_to_what_it_was(orchestra: Orchestra) -> None:
    song(orchestra.music / "a.flac", seed=1)
    song(orchestra.music / "b.flac", seed=2)
    orchestra.ingest("b000001")
    keys = []

    def follow() -> None:
        request = index_tick(orchestra)
        assert isinstance(request, dg.RunRequest)
        keys.append(request.run_key)
        assert orchestra.run("publish_index").success
        assert "is up to date" in str(index_tick(orchestra))

    follow()
    song(orchestra.music / "c.flac", seed=3)
    orchestra.ingest("b000002")
    follow()
    (orchestra.music / "c.flac").unlink()
    orchestra.ingest()
    follow()
    assert len(set(keys)) == 3, "a version that comes back needs a request of its own"


def test_a_version_published_by_hand_stays(orchestra: Orchestra) -> None:
    song(orchestra.music / "a.flac", seed=1)
    orchestra.ingest("b000001")
    assert orchestra.run("publish_index").success
    version = orchestra.reports.last(IndexManifest).version
    config = {"ops": {"published_index": {"config": {"version": version}}}}
    only = [dg.AssetKey("published_index")]
    assert orchestra.run("publish_index", asset_selection=only, run_config=config).success
    song(orchestra.music / "b.flac", seed=2)
    orchestra.ingest("b000002")
    assert "published by hand" in str(index_tick(orchestra))


def test_the_scan_is_scheduled_by_itself() -> None:
    assert scan_schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert sealed_batches.default_status == dg.DefaultSensorStatus.RUNNING
    assert changed_library.default_status == dg.DefaultSensorStatus.RUNNING


def test_an_ingest_that_was_killed_does_not_block_the_background(orchestra: Orchestra) -> None:
    job = build_defs(orchestra.resources).resolve_job_def("ingest_batch")
    dead = orchestra.instance.create_run_for_job(
        job, status=dg.DagsterRunStatus.STARTED, tags={FOREGROUND_TAG: "ingest"}
    )
    with ingest_lock(orchestra.resources["sessions"]):
        batch_tick(orchestra)
    assert not orchestra.instance.get_run_by_id(dead.run_id).is_finished  # type: ignore[union-attr]
    batch_tick(orchestra)
    assert orchestra.instance.get_run_by_id(dead.run_id).is_finished  # type: ignore[union-attr]


def test_the_kind_that_is_set_is_the_kind_that_is_built(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sensor and the asset must agree on it, or a build would be requested for ever."""
    song(orchestra.music / "a.flac", seed=1)
    orchestra.ingest("b000001")
    assert orchestra.run("publish_index").success
    assert orchestra.reports.last(IndexManifest).kind == "flat"
    monkeypatch.setenv("SOUNDALIKE_INDEX_KIND", "flat+rabitq")
    load_settings.cache_clear()
    assert isinstance(index_tick(orchestra), dg.RunRequest)
    assert orchestra.run("publish_index").success
    assert orchestra.reports.last(IndexManifest).kind == "flat+rabitq"
    assert "is up to date" in str(index_tick(orchestra))
