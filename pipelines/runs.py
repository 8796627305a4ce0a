"""Runs: queries of the Dagster instance's run records, for schedules.py and sensors.py.

Runs whose process was killed are in orphaned_runs.py, and run errors in run_errors.py.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from pipelines.attempts import Run

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
PARTITIONS_AT_ONCE = 500  # in one query
MAX_RECORDS = 2000


def unfinished_runs(instance: dg.DagsterInstance, job: str) -> list[dg.DagsterRun]:
    """The job's runs that have not ended, queued ones included."""
    return list(instance.get_runs(dg.RunsFilter(job_name=job, statuses=UNFINISHED)))


def range_tags(keys: Sequence[str]) -> dict[str, str]:
    """Tags of a run of several partitions that follow each other in the partition set."""
    return {ASSET_PARTITION_RANGE_START_TAG: keys[0], ASSET_PARTITION_RANGE_END_TAG: keys[-1]}


def shown_partitions(run: dg.DagsterRun) -> str:
    """The run's partition, its first and last one, or nothing if it has none."""
    if PARTITION_NAME_TAG in run.tags:
        return run.tags[PARTITION_NAME_TAG]
    first = run.tags.get(ASSET_PARTITION_RANGE_START_TAG, "")
    last = run.tags.get(ASSET_PARTITION_RANGE_END_TAG, first)
    return first if first == last else f"{first} to {last}"


def last_run(instance: dg.DagsterInstance, job: str, asset: str) -> Run | None:
    """The newest run of the job that materialises, or was to materialise, the asset."""
    records = instance.get_run_records(dg.RunsFilter(job_name=job), limit=50)
    return next((_run(record) for record in records if _has(record, asset)), None)


def last_partition_runs(
    instance: dg.DagsterInstance,
    keys: Sequence[str],
    order: Sequence[str],
    longest: int,
    asset: str,
) -> Iterator[tuple[str, Run | None]]:
    """Yield each of the partitions `keys` and the newest run of `asset` for it, if there is one.

    `order` is the partition set in its own order, and `longest` the most partitions of a run: a run
    of several partitions is recorded by its first and last one only.
    """
    positions = {key: position for position, key in enumerate(order)}
    for start in range(0, len(keys), PARTITIONS_AT_ONCE):
        some = keys[start : start + PARTITIONS_AT_ONCE]
        newest = _newest_runs(instance, some, order, positions, longest, asset)
        yield from ((key, newest.get(key)) for key in some)


def _newest_runs(
    instance: dg.DagsterInstance,
    keys: Sequence[str],
    order: Sequence[str],
    positions: Mapping[str, int],
    longest: int,
    asset: str,
) -> dict[str, Run]:
    starts = {
        key
        for wanted in keys
        if wanted in positions
        for key in order[max(0, positions[wanted] - longest + 1) : positions[wanted] + 1]
    }
    single = instance.get_run_records(
        dg.RunsFilter(tags={PARTITION_NAME_TAG: list(keys)}), limit=MAX_RECORDS
    )
    ranges = instance.get_run_records(
        dg.RunsFilter(tags={ASSET_PARTITION_RANGE_START_TAG: sorted(starts)}), limit=MAX_RECORDS
    )
    newest: dict[str, Run] = {}
    for record in sorted(chain(single, ranges), key=lambda record: -record.storage_id):
        if _has(record, asset):
            for key in _partitions(record.dagster_run, positions, order):
                newest.setdefault(key, _run(record))
    return newest


def _partitions(
    run: dg.DagsterRun, positions: Mapping[str, int], order: Sequence[str]
) -> Sequence[str]:
    tags = run.tags
    if PARTITION_NAME_TAG in tags:
        return [tags[PARTITION_NAME_TAG]]
    first = positions.get(tags[ASSET_PARTITION_RANGE_START_TAG])
    last = positions.get(tags.get(ASSET_PARTITION_RANGE_END_TAG, ""))
    return [] if first is None or last is None else order[first : last + 1]


def _has(record: dg.RunRecord, asset: str) -> bool:
    selection = record.dagster_run.asset_selection
    return not selection or dg.AssetKey(asset) in selection


def _run(record: dg.RunRecord) -> Run:
    run = record.dagster_run
    if not run.is_finished:
        return Run(run.run_id, run.status, None)
    ended = (
        dt.datetime.fromtimestamp(record.end_time, dt.UTC)
        if record.end_time
        else record.update_timestamp.replace(tzinfo=dt.UTC)
    )
    return Run(run.run_id, run.status, ended)
