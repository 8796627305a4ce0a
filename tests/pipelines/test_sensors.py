"""Sensors ask for each piece of work once, and never for none."""

import asyncio
import datetime as dt
import shutil

import dagster as dg
import pytest
import yaml
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG as END
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_START_TAG as START
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG

from pipelines import attempts, batch_work, orphaned_runs, partitions, runs
from pipelines.definitions import build_defs
from pipelines.notes import Notes
from pipelines.orphaned_runs import FOREGROUND_TAG
from pipelines.schedules import scan_schedule
from pipelines.sensors import LONGEST_RUN_SECONDS, _run_request, changed_library, sealed_batches
from soundalike.catalog.process_locks import ingest_lock
from soundalike.ingest.scan import ScanReport
from soundalike.settings import load_settings
from soundalike.storage.atomic import remove_folder
from soundalike.vectors.index_files import IndexManifest
from tests.pipelines.conftest import Orchestra
from tests.sounds import song
from tests.source import REPOSITORY


def requested(result: dg.SensorResult) -> list[str | tuple[str, str]]:
    """What a tick requests: a batch, or the first and last batch of a run of several."""
    return [
        request.partition_key or (request.tags[START], request.tags[END])
        for request in result.run_requests or []
    ]


def test_a_sealed_batch_becomes_a_partition_and_one_run(orchestra: Orchestra) -> None:
    song(orchestra.music / "a.flac")
    assert "every batch is embedded" in str(orchestra.batch_tick().skip_reason)
    assert orchestra.run("scan").success
    assert requested(orchestra.batch_tick()) == ["b000001"]
    assert orchestra.instance.get_dynamic_partitions("batch") == ["b000001"]
    assert orchestra.run("ingest_batch", partition_key="b000001").success
    assert "every batch is embedded" in str(orchestra.batch_tick().skip_reason)


def test_a_foreground_ingest_is_left_alone(orchestra: Orchestra) -> None:
    with ingest_lock(orchestra.resources["sessions"]):
        assert "in a terminal" in str(orchestra.batch_tick().skip_reason)
        assert "in a terminal" in str(orchestra.index_tick().skip_reason)


@pytest.mark.slow
def test_the_index_follows_the_library_also_back_to_what_it_was(orchestra: Orchestra) -> None:
    song(orchestra.music / "a.flac", seed=1)
    song(orchestra.music / "b.flac", seed=2)
    orchestra.ingest("b000001")

    def follow() -> None:
        assert orchestra.index_tick().run_requests
        assert orchestra.run("publish_index").success
        assert "is up to date" in str(orchestra.index_tick().skip_reason)

    follow()
    song(orchestra.music / "c.flac", seed=3)
    orchestra.ingest("b000002")
    follow()
    (orchestra.music / "c.flac").unlink()
    orchestra.ingest()
    follow()


@pytest.mark.slow
def test_lost_vectors_are_embedded_again_while_the_index_stays(orchestra: Orchestra) -> None:
    song(orchestra.music / "a.flac", seed=1)
    orchestra.ingest("b000001")
    assert orchestra.index_tick().run_requests
    assert orchestra.run("publish_index").success
    version = orchestra.reports.last(IndexManifest).version
    shutil.rmtree(orchestra.resources["store"].embeddings)
    song(orchestra.music / "b.flac", seed=2)
    assert orchestra.run("scan").success
    assert "made again: vectors: 1; sidecar" in orchestra.reports.last(ScanReport).problems[-1]
    assert "are made again; index" in str(orchestra.index_tick().skip_reason)
    assert requested(orchestra.batch_tick()) == ["b000001", "b000002"]
    for batch in ("b000001", "b000002"):
        assert orchestra.run("ingest_batch", partition_key=batch).success
    assert orchestra.index_tick().run_requests
    assert orchestra.run("publish_index").success
    assert orchestra.reports.last(IndexManifest).tracks == 2
    assert orchestra.reports.last(IndexManifest).version != version
    remove_folder(orchestra.resources["store"].indexes)
    assert orchestra.index_tick().run_requests


@pytest.mark.slow
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
    assert "published by hand" in str(orchestra.index_tick().skip_reason)


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
        orchestra.batch_tick()
    assert not orchestra.instance.get_run_by_id(dead.run_id).is_finished  # type: ignore[union-attr]
    orchestra.batch_tick()
    assert orchestra.instance.get_run_by_id(dead.run_id).is_finished  # type: ignore[union-attr]


def test_a_run_that_was_never_queued_does_not_block_the_background(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = build_defs(orchestra.resources).resolve_job_def("scan")
    lost = orchestra.instance.create_run_for_job(job).run_id
    monkeypatch.setattr(orphaned_runs, "QUEUED_WITHIN", dt.timedelta(seconds=-5))
    orchestra.batch_tick()
    assert orchestra.instance.get_run_by_id(lost).is_finished  # type: ignore[union-attr]


@pytest.mark.slow
def test_the_kind_that_is_set_is_the_kind_that_is_built(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sensor and the asset must agree on it, or a build would be requested for ever."""
    song(orchestra.music / "a.flac", seed=1)
    orchestra.ingest("b000001")
    assert orchestra.run("publish_index").success
    assert orchestra.reports.last(IndexManifest).kind == "flat"
    monkeypatch.setenv("SOUNDALIKE_INDEX_KIND", "flat+pq")
    load_settings.cache_clear()
    assert orchestra.index_tick().run_requests
    assert orchestra.run("publish_index").success
    assert orchestra.reports.last(IndexManifest).kind == "flat+pq"
    assert "is up to date" in str(orchestra.index_tick().skip_reason)


def several_batches(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch, count: int, per_run: int
) -> None:
    """Seals `count` batches of one track."""
    monkeypatch.setenv("SOUNDALIKE_BATCH_TRACKS", "1")
    monkeypatch.setenv("SOUNDALIKE_BATCHES_PER_RUN", str(per_run))
    load_settings.cache_clear()
    for seed in range(count):
        song(orchestra.music / f"{seed:03d}.flac", seconds=2.0, seed=seed)
    assert orchestra.run("scan").success


@pytest.mark.slow
def test_many_batches_are_few_runs_that_follow_each_other(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    several_batches(orchestra, monkeypatch, 10, per_run=4)
    requests = orchestra.batch_tick().run_requests or []
    assert requested(dg.SensorResult(requests)) == [
        ("b000001", "b000004"),
        ("b000005", "b000008"),
        ("b000009", "b000010"),
    ]
    assert [request.run_key for request in requests] == [None, None, None]
    assert orchestra.run("ingest_batch", tags=requests[0].tags).success
    assert requested(orchestra.batch_tick())[0] == ("b000005", "b000006"), "the rest, in three runs"


def test_a_run_that_failed_is_repeated_batch_by_batch(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    several_batches(orchestra, monkeypatch, 4, per_run=4)
    [first, second] = orchestra.batch_tick().run_requests or []
    embedder = orchestra.resources["model"].embedder
    pool, embedder.pool = embedder.pool, None
    assert not orchestra.run("ingest_batch", tags=first.tags).success
    assert orchestra.run("ingest_batch", tags=second.tags).success is False
    embedder.pool = pool
    waiting = orchestra.batch_tick()
    assert not waiting.run_requests
    assert "b000001: failed at" in str(waiting.skip_reason)
    monkeypatch.setattr(attempts, "RETRY_DELAYS", (dt.timedelta(0),))
    assert requested(orchestra.batch_tick()) == ["b000001", "b000002", "b000003", "b000004"]


def test_a_cancelled_run_is_left_alone_until_its_files_change(orchestra: Orchestra) -> None:
    song(orchestra.music / "a.flac", seed=1)
    assert orchestra.run("scan").success
    assert requested(orchestra.batch_tick()) == ["b000001"]
    job = build_defs(orchestra.resources).resolve_job_def("ingest_batch")
    run = orchestra.instance.create_run_for_job(
        job, status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": "b000001"}
    )
    assert "is under way" in str(orchestra.batch_tick().skip_reason)
    orchestra.instance.report_run_canceled(run)
    for _ in range(3):
        assert "cancelled at" in str(orchestra.batch_tick().skip_reason)
    song(orchestra.music / "b.flac", seed=2)
    assert orchestra.run("scan").success
    assert requested(orchestra.batch_tick()) == ["b000002"], "the other one is still left alone"


def test_partitions_are_those_of_the_catalog_whatever_a_person_did_to_them(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    several_batches(orchestra, monkeypatch, 3, per_run=3)
    orchestra.batch_tick()
    orchestra.instance.delete_dynamic_partition("batch", "b000002")
    orchestra.instance.add_dynamic_partitions("batch", ["foo"])
    assert "b000002" not in str(orchestra.instance.get_dynamic_partitions("batch"))
    orchestra.batch_tick()
    assert orchestra.instance.get_dynamic_partitions("batch") == ["b000001", "b000003", "b000002"]
    assert requested(orchestra.batch_tick()) == ["b000001", "b000003", "b000002"], (
        "a run's partitions follow each other in the order of the set"
    )


def test_many_partitions_are_added_in_several_requests_and_ticks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(partitions, "KEYS_A_REQUEST", 2)
    monkeypatch.setattr(partitions, "REQUESTS_A_TICK", 2)
    sealed = [f"b{number}" for number in range(1, 7)]
    found = partitions.reconcile(["b1"], sealed)
    assert [request.partition_keys for request in found.requests] == [["b2", "b3"], ["b4", "b5"]]
    assert found.order == ["b1", "b2", "b3", "b4", "b5"]
    assert partitions.reconcile(found.order, sealed).order == sealed


def test_a_run_s_partitions_follow_each_other_without_a_gap() -> None:
    order = ["b1", "b2", "b3", "b4", "b5"]
    split = partitions.split_into_runs(["b5", "b1", "b3", "b4"], order, longest=2)
    assert split == [["b1"], ["b3", "b4"], ["b5"]]


def test_one_index_is_built_at_a_time(orchestra: Orchestra) -> None:
    song(orchestra.music / "a.flac")
    orchestra.ingest("b000001")
    job = build_defs(orchestra.resources).resolve_job_def("publish_index")
    run = orchestra.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert "an index build is under way" in str(orchestra.index_tick().skip_reason)
    orchestra.instance.report_run_canceled(run)
    assert "an index build is under way" not in str(orchestra.index_tick().skip_reason)


@pytest.mark.slow
@pytest.mark.parametrize("key", ["foo", "b000009", "b9", "b-00001"])
def test_a_partition_that_is_no_batch_fails_in_words(orchestra: Orchestra, key: str) -> None:
    song(orchestra.music / "a.flac")
    orchestra.ingest("b000001")
    orchestra.instance.add_dynamic_partitions("batch", [key])
    result = orchestra.run("ingest_batch", partition_key=key)
    [failure] = [event for event in result.all_events if event.is_step_failure]
    error = failure.step_failure_data.error
    assert error is not None
    assert key in str(error.cause or error)
    assert "batch" in str(error.cause or error)


@pytest.mark.slow
def test_a_wiped_asset_is_materialised_again_and_nothing_is_computed(orchestra: Orchestra) -> None:
    song(orchestra.music / "a.flac")
    orchestra.ingest("b000001")
    assert not orchestra.batch_tick().run_requests
    embedded = orchestra.resources["model"].embedder.embedded
    orchestra.instance.wipe_assets([dg.AssetKey("embeddings")])
    assert requested(orchestra.batch_tick()) == ["b000001"]
    assert orchestra.run("ingest_batch", partition_key="b000001").success
    assert not orchestra.batch_tick().run_requests
    assert not orchestra.batch_tick().run_requests
    assert orchestra.resources["model"].embedder.embedded == embedded


def test_a_batch_that_is_done_needs_no_note_any_more(orchestra: Orchestra) -> None:
    song(orchestra.music / "a.flac")
    assert orchestra.run("scan").success
    assert requested(orchestra.batch_tick()) == ["b000001"]
    assert Notes.read(orchestra.cursors["sealed_batches"]).runs.keys() == {"b000001"}
    assert orchestra.run("ingest_batch", partition_key="b000001").success
    assert not orchestra.batch_tick().run_requests
    assert Notes.read(orchestra.cursors["sealed_batches"]).runs == {}


@pytest.mark.slow
def test_while_batches_are_under_way_the_index_waits(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    several_batches(orchestra, monkeypatch, 3, per_run=1)
    orchestra.batch_tick()
    assert orchestra.run("ingest_batch", partition_key="b000001").success
    assert orchestra.index_tick().run_requests, "the first one is wanted at once"
    assert orchestra.run("publish_index").success
    assert orchestra.run("ingest_batch", partition_key="b000002").success
    assert "batches are under way" in str(orchestra.index_tick().skip_reason)
    monkeypatch.setenv("SOUNDALIKE_PUBLISH_TRACKS", "1")
    load_settings.cache_clear()
    assert orchestra.index_tick().run_requests, "enough tracks are new"
    monkeypatch.setenv("SOUNDALIKE_PUBLISH_TRACKS", "100")
    monkeypatch.setenv("SOUNDALIKE_PUBLISH_MINUTES", "0")
    load_settings.cache_clear()
    assert orchestra.index_tick().run_requests, "enough time has passed"
    monkeypatch.setenv("SOUNDALIKE_PUBLISH_MINUTES", "60")
    load_settings.cache_clear()
    assert orchestra.run("ingest_batch", partition_key="b000003").success
    assert orchestra.index_tick().run_requests, "nothing is under way"


@pytest.mark.slow
def test_a_build_that_failed_is_asked_for_again_when_its_batch_is_healed(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    song(orchestra.music / "a.flac")
    orchestra.ingest("b000001")
    space, store = orchestra.resources["model"].space, orchestra.resources["store"]
    vectors = store.vectors(space.key, "b000001")
    vectors.write_bytes(vectors.read_bytes()[:-4])
    assert orchestra.index_tick().run_requests
    assert not orchestra.run("publish_index").success
    assert "the vectors of b000001 are made again" in str(orchestra.index_tick().skip_reason)
    assert requested(orchestra.batch_tick()) == ["b000001"]
    assert orchestra.run("ingest_batch", partition_key="b000001").success
    waiting = str(orchestra.index_tick().skip_reason)
    assert "failed at" in waiting
    assert "next try at" in waiting
    monkeypatch.setattr(attempts, "RETRY_DELAYS", (dt.timedelta(0),))
    assert orchestra.index_tick().run_requests
    assert orchestra.run("publish_index").success


@pytest.mark.slow
def test_batches_that_wait_hold_up_none_behind_them(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many are cancelled as may be under way, and more than are asked about at once."""
    monkeypatch.setattr(batch_work, "MAX_UNDER_WAY", 2)
    monkeypatch.setattr(runs, "PARTITIONS_AT_ONCE", 2)
    several_batches(orchestra, monkeypatch, 6, per_run=1)
    job = build_defs(orchestra.resources).resolve_job_def("ingest_batch")

    def cancel(*keys: str) -> None:
        for key in keys:
            run = orchestra.instance.create_run_for_job(job, tags={"dagster/partition": key})
            orchestra.instance.report_run_canceled(run)

    assert requested(orchestra.batch_tick()) == ["b000001", "b000002"]
    cancel("b000001", "b000002")
    assert requested(orchestra.batch_tick()) == ["b000003", "b000004"]
    cancel("b000003")
    orchestra.instance.create_run_for_job(job, tags={"dagster/partition": "b000004"})
    assert requested(orchestra.batch_tick()) == ["b000005"], "b000004 is still queued"
    cancel("b000005", "b000006")
    waiting = str(orchestra.batch_tick().skip_reason)
    assert waiting.count("cancelled at") == 4
    assert "b000004: run" in waiting
    assert "and 1 more batches" in waiting


@pytest.mark.slow
def test_a_wiped_batch_comes_after_those_with_work_left(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_work, "MAX_UNDER_WAY", 1)
    song(orchestra.music / "a.flac", seed=1)
    orchestra.ingest("b000001")
    orchestra.batch_tick()
    orchestra.instance.wipe_assets([dg.AssetKey("embeddings")])
    song(orchestra.music / "b.flac", seed=2)
    assert orchestra.run("scan").success
    assert requested(orchestra.batch_tick()) == ["b000002"]
    assert orchestra.run("ingest_batch", partition_key="b000002").success
    assert requested(orchestra.batch_tick()) == ["b000001"]


@pytest.mark.slow
def test_an_index_waits_for_no_batch_that_failed_however_many_did(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "PARTITIONS_AT_ONCE", 1)
    several_batches(orchestra, monkeypatch, 4, per_run=1)
    orchestra.batch_tick()
    assert orchestra.run("ingest_batch", partition_key="b000001").success
    assert orchestra.run("publish_index").success
    assert orchestra.run("ingest_batch", partition_key="b000002").success
    job = build_defs(orchestra.resources).resolve_job_def("ingest_batch")
    for key in ("b000003", "b000004"):
        assert "batches are under way" in str(orchestra.index_tick().skip_reason)
        run = orchestra.instance.create_run_for_job(job, tags={"dagster/partition": key})
        orchestra.instance.report_run_failed(run)
    assert orchestra.index_tick().run_requests


@pytest.mark.slow
def test_an_index_that_stays_as_it_is_stays_checked(orchestra: Orchestra) -> None:
    """The batch is processed once more, and nothing comes of it."""
    song(orchestra.music / "a.flac")
    orchestra.ingest("b000001")
    assert orchestra.run("publish_index").success
    assert not orchestra.index_tick().asset_events
    assert orchestra.run("ingest_batch", partition_key="b000001").success
    events = orchestra.index_tick().asset_events
    for event in events:
        orchestra.instance.report_runless_asset_event(event)
    index, check = events
    assert isinstance(index, dg.AssetMaterialization)
    assert isinstance(check, dg.AssetCheckEvaluation)
    assert (check.check_name, check.passed, check.blocking) == ("valid_index", True, True)
    key = dg.AssetCheckKey(dg.AssetKey("faiss_index"), "valid_index")
    storage = orchestra.instance.event_log_storage
    last, first = storage.get_asset_check_execution_history(key, limit=10)
    assert last.evaluation is not None
    assert first.evaluation is not None
    assert last.evaluation.metadata == first.evaluation.metadata
    context = LoadingContextForTest(orchestra.instance)
    assert asyncio.run(last.targets_latest_materialization(context)), "not 'Not evaluated'"
    assert not asyncio.run(first.targets_latest_materialization(context))
    assert not orchestra.index_tick().asset_events


@pytest.mark.parametrize(("batches", "hours"), [(2, 12), (16, 48)])
def test_a_run_of_many_batches_is_given_more_time(batches: int, hours: int) -> None:
    """A run that takes longer than the limit of dagster.yaml, 12 hours, would be failed."""
    limits = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())["run_monitoring"]
    assert limits["max_runtime_seconds"] == LONGEST_RUN_SECONDS
    request = _run_request("ingest_batch", [f"b{number:06d}" for number in range(batches)])
    assert request.tags[MAX_RUNTIME_SECONDS_TAG] == str(hours * 3600)
