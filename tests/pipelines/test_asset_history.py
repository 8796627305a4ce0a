"""Deleting a run must not change what Dagster says of any asset or partition."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from pipelines.asset_history import AssetHistory

BATCHES = dg.DynamicPartitionsDefinition(name="any")


@dg.asset
def source() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(data_version=dg.DataVersion("same"))


@dg.asset(partitions_def=BATCHES, deps=[source])
def first() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(data_version=dg.DataVersion("same"))


@dg.asset(partitions_def=BATCHES, deps=[first])
def second() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(data_version=dg.DataVersion("same"))


@dg.asset(deps=[second])
def whole() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(data_version=dg.DataVersion("same"))


@dg.asset_check(asset=source)
def sound() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset=source)
def broken() -> dg.AssetCheckResult:
    raise RuntimeError("broken")


ASSETS = [source, first, second, whole]
CHECKS = [sound, broken]
DEFINITIONS = dg.Definitions(assets=ASSETS, asset_checks=CHECKS)


class Pipeline:
    """Those assets, on an instance of their own."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        instance.add_dynamic_partitions("any", ["a", "b"])

    def make(self, *assets: Any, partition: str | None = None) -> str:
        return dg.materialize(
            [*ASSETS],
            selection=dg.AssetSelection.assets(*assets).without_checks(),
            instance=self.instance,
            partition_key=partition,
        ).run_id

    def check(self, check: dg.AssetChecksDefinition) -> str:
        selection = dg.AssetSelection.checks(check)
        job = dg.define_asset_job("check", selection=selection)
        definitions = dg.Definitions(assets=ASSETS, asset_checks=CHECKS, jobs=[job])
        return (
            definitions.resolve_job_def("check")
            .execute_in_process(instance=self.instance, raise_on_error=False)
            .run_id
        )

    def needed(self) -> set[str]:
        history = AssetHistory(self.instance, ASSETS, CHECKS)
        return {run.run_id for run in self.instance.get_runs() if history.needs(run.run_id)}

    def said(self) -> dict[str, Any]:
        """What the UI says of each asset and partition."""
        graph = DEFINITIONS.resolve_asset_graph()
        context = LoadingContextForTest(self.instance)
        resolver = CachingStaleStatusResolver(self.instance, graph, context)
        places = [(asset.key, key) for asset in (source, whole) for key in (None,)]
        places += [(asset.key, key) for asset in (first, second) for key in ("a", "b")]
        return {
            f"{key.to_user_string()}[{partition}]": (
                resolver.get_status(key, partition).value,
                resolver.get_current_data_version(key, partition).value,
                self.latest(key, partition),
            )
            for key, partition in places
        }

    def latest(self, key: dg.AssetKey, partition: str | None) -> int | None:
        wanted = dg.AssetRecordsFilter(key, asset_partitions=[partition] if partition else None)
        records = self.instance.fetch_materializations(wanted, limit=1).records
        return records[0].storage_id if records else None

    def delete_the_rest(self) -> int:
        needed = self.needed()
        rest = [run.run_id for run in self.instance.get_runs() if run.run_id not in needed]
        for run_id in rest:
            self.instance.delete_run(run_id)
        return len(rest)


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Pipeline(instance)


def test_the_last_run_of_each_partition_stays_and_the_ones_before_go(pipeline: Pipeline) -> None:
    old = [pipeline.make(source), *(pipeline.make(first, second, partition="a") for _ in range(2))]
    last = {
        pipeline.make(source),
        pipeline.make(first, second, partition="a"),
        pipeline.make(first, second, partition="b"),
        pipeline.make(whole),
    }
    said = pipeline.said()
    assert {status for status, *_ in said.values()} == {"FRESH"}
    assert pipeline.needed() == last
    assert pipeline.delete_the_rest() == len(old)
    assert pipeline.said() == said


@pytest.mark.slow
def test_what_a_partition_was_made_of_stays_until_it_is_made_of_something_newer(
    pipeline: Pipeline,
) -> None:
    """Dagster compares the two, and takes a missing one for a change."""
    used = pipeline.make(first, partition="a")
    pipeline.make(second, partition="a")
    between = pipeline.make(first, partition="a")
    again = pipeline.make(first, partition="a")
    said = pipeline.said()
    assert said["second[a]"][0] == "FRESH", "it was made again, but is the same"
    assert used in pipeline.needed()
    assert again in pipeline.needed()
    assert between not in pipeline.needed()
    pipeline.delete_the_rest()
    assert pipeline.said() == said
    pipeline.make(second, partition="a")
    assert used not in pipeline.needed()
    pipeline.delete_the_rest()
    assert pipeline.said()["second[a]"][0] == "FRESH"


def test_without_that_rule_something_would_be_stale(pipeline: Pipeline) -> None:
    used = pipeline.make(first, partition="a")
    pipeline.make(second, partition="a")
    pipeline.make(first, partition="a")
    pipeline.instance.delete_run(used)
    assert pipeline.said()["second[a]"][0] == "STALE"


def test_a_check_that_crashed_is_told_from_one_that_did_not_run_by_its_run(
    pipeline: Pipeline,
) -> None:
    pipeline.make(source)
    old = {pipeline.check(broken), pipeline.check(sound)}
    last = {pipeline.check(broken), pipeline.check(sound)}
    assert pipeline.needed() & (old | last) == last


@pytest.mark.slow
def test_a_run_that_failed_or_was_cancelled_stays_while_it_is_the_last_one(
    pipeline: Pipeline,
) -> None:
    """Whether a batch is tried again depends on how its last run ended."""
    pipeline.make(first, partition="a")
    job = dg.define_asset_job("job", selection=[first], partitions_def=BATCHES)
    definitions = dg.Definitions(assets=ASSETS, jobs=[job])
    made = pipeline.instance.create_run_for_job(
        definitions.resolve_job_def("job"),
        tags={"dagster/partition": "a"},
        status=dg.DagsterRunStatus.CANCELED,
        asset_selection={first.key},
    )
    assert made.run_id in pipeline.needed()
    pipeline.make(first, partition="a")
    assert made.run_id not in pipeline.needed()


def test_an_asset_that_is_not_defined_any_more_needs_nothing(pipeline: Pipeline) -> None:
    last = pipeline.make(first, second, partition="a")
    history = AssetHistory(pipeline.instance, [source, second], [])
    assert history.needs(last)
    alone = pipeline.make(first, partition="b")
    assert not AssetHistory(pipeline.instance, [source, second], []).needs(alone)
