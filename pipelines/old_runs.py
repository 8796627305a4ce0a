"""Old runs: which of them may go, and deleting them with their events, logs and files.

Dagster keeps of a deleted run the results of its asset checks, and the backfill it was a part of.
"""

import datetime as dt
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.execution.backfill import (
    BULK_ACTION_TERMINAL_STATUSES,
    BulkActionsFilter,
    BulkActionStatus,
)

from pipelines.asset_history import AssetHistory
from pipelines.assets import ASSETS
from pipelines.checks import CHECKS
from pipelines.run_files import orphaned_files, remove, run_folders, size

FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
BACKFILL = "dagster/backfill"
MAX_RUNS = 5000

OF_AN_INDEX = "built an index that is kept"
OF_A_BACKFILL = "part of a backfill that has not ended"
LAST = "the last of an asset, a partition or a check"


@dataclass
class OldRuns:
    """The old runs that were deleted or may be, how many stay for which reason, and files.

    `more`: there are more than MAX_RUNS; the next call deletes them.
    """

    removed: list[dg.RunRecord] = field(default_factory=list)
    kept: Counter[str] = field(default_factory=Counter)
    more: bool = False
    orphaned_files: int = 0
    bytes: int = 0


def remove_old_runs(
    instance: dg.DagsterInstance, days: int, of_kept_indexes: Collection[str], dry_run: bool
) -> OldRuns:
    """Delete runs that ended more than `days` ago and that nothing needs, the oldest first.

    `of_kept_indexes`: ids of those that built them. After a kill the next call goes on.
    """
    result = OldRuns()
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    old = instance.get_run_ids(dg.RunsFilter(statuses=FINISHED, updated_before=before))
    of_backfills = _of_unfinished_backfills(instance)
    history = AssetHistory(instance, ASSETS, CHECKS)
    for run_id in reversed(old):
        if run_id in of_kept_indexes:
            result.kept[OF_AN_INDEX] += 1
        elif run_id in of_backfills:
            result.kept[OF_A_BACKFILL] += 1
        elif history.needs(run_id):
            result.kept[LAST] += 1
        elif len(result.removed) == MAX_RUNS:
            result.more = True
            break
        elif record := instance.get_run_record_by_id(run_id):
            result.removed.append(record)
            result.bytes += sum(map(size, run_folders(instance, run_id)))
            if not dry_run:
                _delete(instance, run_id)
    for path in orphaned_files(instance, days):
        result.orphaned_files += 1
        result.bytes += size(path)
        if not dry_run:
            remove(path)
    return result


def _of_unfinished_backfills(instance: dg.DagsterInstance) -> set[str]:
    """Return their runs, old ones too: Dagster reads all of them to see how a backfill goes."""
    unfinished = [each for each in BulkActionStatus if each not in BULK_ACTION_TERMINAL_STATUSES]
    backfills = instance.get_backfills(BulkActionsFilter(statuses=unfinished))
    ids = [backfill.backfill_id for backfill in backfills]
    return set(instance.get_run_ids(dg.RunsFilter(tags={BACKFILL: ids}))) if ids else set()


def _delete(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete the run's files and events, and then its record, which is what leads to them."""
    for folder in run_folders(instance, run_id):
        remove(folder)
    instance.event_log_storage.delete_events(run_id)
    instance.run_storage.delete_run(run_id)  # instance.delete_run begins with it
