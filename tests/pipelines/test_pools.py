"""Runs must not fight for the machine, and what passes by itself must not fail them."""

import sys
import threading
from collections.abc import Iterator

import dagster as dg
import pytest
from sqlalchemy.exc import OperationalError

from pipelines import retries
from pipelines.assets import ASSETS
from pipelines.definitions import build_defs
from pipelines.orphaned_runs import FOREGROUND_TAG, fail_orphaned_runs
from pipelines.retries import transient_errors_retried
from pipelines.schedules import scan_schedule
from soundalike.audio.process import DecoderUnavailable
from soundalike.errors import BucketError, StorageError
from soundalike.ingest.reports import NoReports
from soundalike.ingest.scan import scan as ingest_scan
from tests.patience import until
from tests.pipelines.conftest import Orchestra
from tests.sounds import song

BUSY_SECONDS = 300  # for a run that waits for a slot, however much else the machine does
LIMITS = {"concurrency": {"pools": {"granularity": "op", "default_limit": 1}}}
# The local manager's `tail` processes end late on a busy machine, within some later test.
NO_COMPUTE_LOGS = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}

OUR_LAUNCHER = {"run_launcher": {"module": "pipelines.run_server", "class": "InstanceRunLauncher"}}


@pytest.fixture
def pooled(orchestra: Orchestra) -> Iterator[Orchestra]:
    """On an instance that keeps count, as the one of dagster.yaml does."""
    with dg.instance_for_test({**LIMITS, **NO_COMPUTE_LOGS, **OUR_LAUNCHER}) as instance:
        orchestra.instance = instance
        yield orchestra


def test_every_asset_has_a_pool() -> None:
    pools = {asset.key.to_user_string(): asset.op.pool for asset in ASSETS}
    assert pools == {
        "library": "scan",
        "raw_audio": "decode",
        "resampled_audio": "decode",
        "embeddings": "model",
        "faiss_index": "index",
        "published_index": "index",
        "map_layout": "map",
        "merged_segments": "merge",
    }


def steps_done(orchestra: Orchestra) -> set[str]:
    found = orchestra.instance.get_records_for_run
    return {
        str(record.event_log_entry.step_key)
        for run in orchestra.instance.get_runs()
        for record in found(run.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS).records
    }


@pytest.mark.slow
def test_a_batch_waits_for_the_model_while_another_has_it(pooled: Orchestra) -> None:
    song(pooled.music / "a.flac")
    assert pooled.run("scan").success
    pooled.instance.add_dynamic_partitions("batch", ["b000001"])
    slots = pooled.instance.event_log_storage
    slots.initialize_concurrency_limit_to_default("model")
    assert slots.claim_concurrency_slot("model", "another run", "embeddings").is_claimed
    ended: list[bool] = []
    run = threading.Thread(
        target=lambda: ended.append(pooled.run("ingest_batch", partition_key="b000001").success)
    )
    run.start()
    try:
        until(lambda: steps_done(pooled) >= {"raw_audio", "resampled_audio"}, BUSY_SECONDS)
        until(lambda: slots.get_concurrency_info("model").pending_step_count, BUSY_SECONDS)
        assert not ended
        assert pooled.resources["model"].embedder.embedded == 0
    finally:
        slots.free_concurrency_slots_for_run("another run")
        run.join(BUSY_SECONDS)
    assert ended == [True]


@pytest.mark.parametrize("tags", [{}, {FOREGROUND_TAG: "ingest"}])
def test_the_place_of_a_run_that_died_is_free_again(
    pooled: Orchestra, tags: dict[str, str]
) -> None:
    definition = build_defs(pooled.resources).resolve_job_def("scan")
    dead = pooled.instance.create_run_for_job(
        definition, status=dg.DagsterRunStatus.STARTED, tags=tags
    )
    slots = pooled.instance.event_log_storage
    slots.initialize_concurrency_limit_to_default("scan")
    assert slots.claim_concurrency_slot("scan", dead.run_id, "library").is_claimed
    assert fail_orphaned_runs(pooled.instance) == 0
    assert fail_orphaned_runs(pooled.instance, foreground=True, background=True) == 1
    assert slots.get_concurrency_info("scan").active_slot_count == 0


def test_scans_do_not_pile_up(pooled: Orchestra) -> None:
    context = dg.build_schedule_context(instance=pooled.instance)
    assert isinstance(scan_schedule(context), dg.RunRequest)
    job = build_defs(pooled.resources).resolve_job_def("scan")
    pooled.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert "has not ended" in str(scan_schedule(context))


def gone() -> OperationalError:
    return OperationalError("select 1", {}, Exception("server closed the connection"))


PASSING = (
    *(gone(), ConnectionResetError(), TimeoutError()),
    *(DecoderUnavailable("a decoding process does not start (SIGKILL)"), FileNotFoundError(2, "a")),
    BucketError("the bucket s3://shelf cannot be written: no route"),
)


@pytest.mark.parametrize("error", PASSING)
def test_what_passes_is_asked_for_again(error: Exception) -> None:
    with pytest.raises(dg.RetryRequested), transient_errors_retried(NoReports()):
        raise error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device"), StorageError),
        (OSError(5, "Input/output error"), OSError),
        (MemoryError(), MemoryError),
    ],
)
def test_what_does_not_pass_fails_at_once(error: Exception, told: type[Exception]) -> None:
    with pytest.raises(dg.Failure) as failure, transient_errors_retried(NoReports()):
        raise error
    assert isinstance(failure.value.__cause__, told)


def test_a_database_that_went_for_a_moment_does_not_fail_the_run(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    song(orchestra.music / "a.flac")
    calls: list[int] = []

    def failing_once(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise gone()
        return ingest_scan(*arguments, **options)

    monkeypatch.setattr(sys.modules["pipelines.assets.library"], "scan", failing_once)
    monkeypatch.setattr(retries, "RETRY_DELAY_SECONDS", 0.01)
    result = orchestra.run("scan")
    assert result.success
    assert [event.event_type_value for event in result.all_events].count("STEP_UP_FOR_RETRY") == 1
