"""Pruning must remove what is old and unneeded, and nothing that anything still says or serves."""

import datetime as dt
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from sqlalchemy import create_engine, text

from pipelines import old_runs
from pipelines.definitions import build_defs
from pipelines.old_runs import LAST, OF_A_BACKFILL, OF_AN_INDEX, OldRuns, remove_old_runs
from soundalike.catalog.engine import dagster_url
from soundalike.catalog.retention import runs_of_kept_versions
from soundalike.errors import ArtifactError
from soundalike.ingest.scan import ScanReport
from soundalike.settings import load_settings
from tests.pipelines.conftest import Orchestra
from tests.pipelines.test_pools import NO_COMPUTE_LOGS
from tests.sounds import song

DAYS = 30


class Pruned:
    """An orchestra on Dagster's real storage, whose runs can be made old."""

    def __init__(self, orchestra: Orchestra, url: str, storage: dict[str, Any]) -> None:
        self.orchestra = orchestra
        self.storage = storage
        self.engine = create_engine(dagster_url(url))

    @property
    def instance(self) -> dg.DagsterInstance:
        return self.orchestra.instance

    def runs(self) -> set[str]:
        return {run.run_id for run in self.instance.get_runs()}

    def last_run(self) -> str:
        return self.instance.get_runs(limit=1)[0].run_id

    def age(self, days: float = DAYS + 1) -> None:
        """Make every run that old, and keep their order."""
        shift = f"update_timestamp - interval '{days} days'"
        with self.engine.begin() as connection:
            connection.execute(text(f"update runs set update_timestamp = {shift}"))

    def count(self, table: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(text(f"select count(*) from {table}")).scalar_one())

    def remove(self, *, dry_run: bool = False) -> OldRuns:
        with self.orchestra.resources["sessions"]() as session:
            built = runs_of_kept_versions(session)
        return remove_old_runs(self.instance, DAYS, built, dry_run)

    def add(self, seed: int) -> None:
        """A new track, embedded and published."""
        self.scan(seed)
        [batch] = self.orchestra.reports.last(ScanReport).batches
        assert self.orchestra.run("ingest_batch", partition_key=batch).success
        assert self.orchestra.run("publish_index").success

    def scan(self, seed: int) -> str:
        """A scan that finds a new file, and so materialises the library; returns its run."""
        song(self.orchestra.music / f"{seed}.flac", seconds=2.0, seed=seed)
        done = self.orchestra.run("scan")
        assert done.success
        return done.run_id

    def said(self) -> dict[str, Any]:
        """What the UI says of the assets, and where."""
        keys = [dg.AssetKey(name) for name in ("library", "embeddings", "published_index")]
        said: dict[str, Any] = {
            "partitions": sorted(self.instance.get_materialized_partitions(keys[1]))
        }
        for key in keys:
            event = self.instance.get_latest_materialization_event(key)
            assert event is not None
            assert event.asset_materialization is not None
            said[key.to_user_string()] = event.run_id, event.asset_materialization.metadata
        return said


@pytest.fixture
def pruned(orchestra: Orchestra, database_url: str) -> Iterator[Pruned]:
    storage = {"storage": {"postgres": {"postgres_url": dagster_url(database_url)}}}
    with dg.instance_for_test({**storage, **NO_COMPUTE_LOGS}) as instance:
        orchestra.instance = instance
        made = Pruned(orchestra, database_url, storage)
        yield made
        made.engine.dispose()


@pytest.mark.slow
def test_old_runs_go_with_their_events_and_what_the_ui_says_stays(pruned: Pruned) -> None:
    pruned.add(1)
    scans = [pruned.scan(seed) for seed in (11, 12, 13)]
    pruned.add(2)
    said, before = pruned.said(), pruned.runs()
    assert pruned.remove().removed == [], "nothing is old"
    pruned.age()
    events = pruned.count("event_logs")
    removed = pruned.remove()
    gone = {record.dagster_run.run_id for record in removed.removed}
    assert set(scans) <= gone
    assert pruned.runs() == before - gone
    assert pruned.said() == said
    assert pruned.count("event_logs") < events
    left = "event_logs where run_id not in (select run_id from runs)"
    assert pruned.count(left) == 0
    assert pruned.remove().removed == [], "the rest is needed"
    assert pruned.orchestra.run("scan").success


@pytest.mark.slow
def test_the_runs_that_built_what_is_served_or_kept_stay(pruned: Pruned) -> None:
    pruned.add(1)
    first = pruned.last_run()
    pruned.add(2)
    second = pruned.last_run()
    pruned.age()
    kept = pruned.remove().kept
    assert {first, second} <= pruned.runs()
    assert kept[OF_AN_INDEX] == 2
    assert kept[LAST] >= 3


@pytest.mark.slow
def test_a_run_that_has_not_ended_or_belongs_to_a_backfill_that_has_not_stays(
    pruned: Pruned,
) -> None:
    job = build_defs(pruned.orchestra.resources).resolve_job_def("scan")
    create = pruned.instance.create_run_for_job
    running = create(job, status=dg.DagsterRunStatus.STARTED).run_id
    queued = create(job, status=dg.DagsterRunStatus.NOT_STARTED).run_id
    failed = create(job, status=dg.DagsterRunStatus.FAILURE).run_id
    of_backfill = create(
        job, status=dg.DagsterRunStatus.SUCCESS, tags={"dagster/backfill": "open"}
    ).run_id
    pruned.instance.add_backfill(
        PartitionBackfill("open", BulkActionStatus.REQUESTED, False, {}, time.time())
    )
    last = create(job, status=dg.DagsterRunStatus.SUCCESS).run_id
    pruned.age()
    result = pruned.remove()
    assert [record.dagster_run.run_id for record in result.removed] == [failed]
    assert pruned.runs() == {running, queued, of_backfill, last}
    assert result.kept == {OF_A_BACKFILL: 1, LAST: 1}


def test_a_run_stays_for_as_many_days_as_are_set(pruned: Pruned) -> None:
    job = build_defs(pruned.orchestra.resources).resolve_job_def("scan")
    first, _ = [
        pruned.instance.create_run_for_job(job, status=dg.DagsterRunStatus.FAILURE).run_id
        for _ in range(2)
    ]
    pruned.age(DAYS - 0.5)
    assert pruned.remove().removed == []
    pruned.age(1)
    assert [record.dagster_run.run_id for record in pruned.remove().removed] == [first]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("storage", "step"),
    [("event_log_storage", "delete_events"), ("run_storage", "delete_run")],
)
def test_a_kill_in_between_leaves_what_the_next_prune_deletes(
    pruned: Pruned, monkeypatch: pytest.MonkeyPatch, storage: str, step: str
) -> None:
    for seed in range(3):
        pruned.scan(seed)
    pruned.age()
    left = pruned.instance.get_runs(limit=3)[1:]

    class Killed(BaseException):
        pass

    def killed(_: object, __: str) -> None:
        raise Killed

    with monkeypatch.context() as patched:  # before the events, or before the record
        patched.setattr(type(getattr(pruned.instance, storage)), step, killed)
        with pytest.raises(Killed):
            pruned.remove()
    assert len(pruned.runs()) == 3
    removed = pruned.remove().removed
    assert {record.dagster_run.run_id for record in removed} == {run.run_id for run in left}
    assert pruned.count("event_logs") == len(
        pruned.instance.get_records_for_run(pruned.last_run()).records
    )


@pytest.mark.slow
def test_a_prune_is_bounded_and_begins_with_the_oldest(
    pruned: Pruned, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [pruned.scan(seed) for seed in range(5)]
    pruned.age()
    monkeypatch.setattr(old_runs, "MAX_RUNS", 3)
    first, second = pruned.remove(), pruned.remove()
    assert [record.dagster_run.run_id for record in first.removed] == runs[:3]
    assert first.more
    assert [record.dagster_run.run_id for record in second.removed] == runs[3:4]
    assert not second.more


def old_file(path: Path, days: float, content: bytes = b"1234") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    for each in (path, path.parent, path.parent.parent):
        os.utime(each, (time.time() - days * 86400,) * 2)
    return path


@pytest.mark.slow
def test_logs_and_files_go_with_their_runs_and_orphaned_ones_after_a_day(
    pruned: Pruned, tmp_path: Path
) -> None:
    gone, last = [pruned.scan(seed) for seed in range(2)]
    pruned.age()
    logs = tmp_path / "logs"
    local = {
        "module": LocalComputeLogManager.__module__,
        "class": LocalComputeLogManager.__name__,
        "config": {"base_dir": str(logs)},
    }
    with dg.instance_for_test({**pruned.storage, "compute_logs": local}) as instance:
        files = Path(instance.storage_directory())
        deleted = [
            old_file(logs / gone / "compute_logs" / "step.err", 40),
            old_file(files / gone / "step" / "result", 40),
            old_file(logs / str(uuid.uuid4()) / "compute_logs" / "step.err", 2),
            old_file(logs / "__repository__" / "a_sensor" / "17.err", 40),
        ]
        left = [
            old_file(logs / last / "compute_logs" / "step.err", 40),
            old_file(logs / str(uuid.uuid4()) / "compute_logs" / "step.err", 0.5),
            old_file(logs / "__repository__" / "b_sensor" / "18.err", 20),
            old_file(files / "mine" / "a" / "b", 400),
        ]
        pruned.orchestra.instance = instance
        listed = pruned.remove(dry_run=True)
        assert all(path.exists() for path in deleted), "only listed"
        assert gone in pruned.runs()
        removed = pruned.remove()
        assert not any(path.exists() for path in deleted)
        assert all(path.exists() for path in left)
    assert (removed.orphaned_files, removed.bytes) == (2, 16)
    assert (listed.orphaned_files, listed.bytes) == (2, 16)


def metadata(result: dg.ExecuteInProcessResult, op: str) -> dict[str, Any]:
    [output] = [
        event.step_output_data
        for event in result.all_events
        if event.is_successful_output and event.step_key == op
    ]
    return {name: value.value for name, value in output.metadata.items()}


@pytest.mark.slow
def test_the_job_removes_old_indexes_and_runs_and_says_what_it_did(
    pruned: Pruned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDALIKE_KEEP_INDEXES", "1")
    load_settings.cache_clear()
    for seed in (1, 2, 3):
        pruned.add(seed)
    store = pruned.orchestra.resources["store"]
    assert len(list(store.indexes.iterdir())) == 3
    pruned.age()
    listed = pruned.orchestra.run("prune", run_config={"dry_run": True})
    assert listed.success
    assert len(list(store.indexes.iterdir())) == 3
    runs = pruned.runs()
    done = pruned.orchestra.run("prune", run_config={"dry_run": False})
    artifacts, of_runs = metadata(done, "prune_artifacts"), metadata(done, "prune_runs")
    assert len(list(store.indexes.iterdir())) == 2
    assert artifacts["index_versions"] == 1
    assert artifacts == metadata(listed, "prune_artifacts")
    assert len(runs - pruned.runs()) == of_runs["runs"] > 0
    assert sum(of_runs["runs_by_job"].values()) == of_runs["runs"]
    assert set(of_runs["runs_by_job"]) == {"scan", "publish_index"}, "one of a retired index too"
    oldest = dt.datetime.strptime(of_runs["oldest"][:16], "%Y-%m-%d %H:%M").replace(tzinfo=dt.UTC)
    aged = dt.datetime.now(dt.UTC) - dt.timedelta(days=DAYS + 1)
    assert dt.timedelta(0) <= aged - oldest < dt.timedelta(hours=6)
    assert of_runs["oldest"] <= of_runs["newest"]


@pytest.mark.slow
def test_runs_are_pruned_although_the_artifacts_belong_to_another_catalog(
    pruned: Pruned,
) -> None:
    scans = {pruned.scan(seed) for seed in range(2)}
    store = pruned.orchestra.resources["store"]
    for number in range(3):
        old_file(store.batch_manifest(f"b00007{number}"), 2)
    pruned.age()
    done = pruned.orchestra.run("prune")
    assert not done.success
    [failure] = [event for event in done.all_events if event.is_step_failure]
    assert failure.step_key == "prune_artifacts"
    told = failure.step_failure_data.user_failure_data
    assert told.description.startswith("the catalog does not know")
    assert ArtifactError.__name__ in str(failure.step_failure_data.error)
    assert metadata(done, "prune_runs")["runs"] == 1
    assert len(scans & pruned.runs()) == 1
