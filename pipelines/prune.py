"""The job `prune`: removes what nothing needs any more, of our own and of Dagster's.

What that is is decided in soundalike/maintenance/garbage.py and in old_runs.py; when it runs, in
schedules.py. It may run beside any other job, be killed, and be run again.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import dagster as dg
from pydantic import Field

from pipelines.old_runs import OldRuns, remove_old_runs
from pipelines.resources import Model
from pipelines.retries import transient_errors_retried
from soundalike.catalog.engine import Sessions
from soundalike.catalog.retention import runs_of_kept_versions
from soundalike.maintenance.garbage import collect, find_garbage
from soundalike.maintenance.local_garbage import Garbage, Retention
from soundalike.settings import load_settings
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.milvus.server import Milvus

MIB = 2**20
SHOWN_RUNS = 50


class PruneConfig(dg.Config):
    """Options of one prune."""

    dry_run: bool = Field(
        default=False, description="Only list what would be removed, and remove nothing."
    )


@dg.op(out=dg.Out(dg.Nothing), pool="prune")
def prune_artifacts(
    config: PruneConfig,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
) -> dg.Output[None]:
    """Removes old index versions and other artifacts, as `soundalike gc --apply` does."""
    settings = load_settings()
    keep = Retention(settings.keep_indexes, settings.keep_days)
    work = find_garbage if config.dry_run else collect
    with transient_errors_retried(), Milvus.opened(settings) as milvus:
        garbage = work(sessions, store, model.space.key, keep, milvus)
    return dg.Output(None, metadata=garbage_metadata(garbage, store))


@dg.op(out=dg.Out(dg.Nothing), pool="prune")
def prune_runs(
    context: dg.OpExecutionContext, config: PruneConfig, sessions: dg.ResourceParam[Sessions]
) -> dg.Output[None]:
    """Removes old runs with their events and logs, except those that asset history needs."""
    days = load_settings().keep_run_days
    with transient_errors_retried():
        with sessions() as session:
            built = runs_of_kept_versions(session)
        old_runs = remove_old_runs(context.instance, days, built, config.dry_run)
    return dg.Output(None, metadata=runs_metadata(old_runs))


@dg.config_mapping
def same_options(options: PruneConfig) -> dg.RunConfig:
    """Give each op the job's options."""
    return dg.RunConfig(ops={"prune_artifacts": options, "prune_runs": options})


@dg.job(
    name="prune",
    config=same_options,
    description=(
        "Removes index versions, artifacts, runs and logs that nothing needs any more "
        "(SOUNDALIKE_KEEP_INDEXES, _KEEP_DAYS, _KEEP_RUN_DAYS). To only list them: `dry_run: true`."
    ),
)
def prune_job() -> None:
    """Removes what nothing needs any more; the two ops do not wait for each other."""
    prune_artifacts()
    prune_runs()


PRUNE_JOBS = [prune_job]


def garbage_metadata(garbage: list[Garbage], store: ArtifactStore) -> Mapping[str, Any]:
    """Metadata of the artifacts: how many, how large, why, and which index versions."""
    rows = ["| reason | number | MiB |", "|---|--:|--:|"]
    for reason, group in groupby(garbage, key=lambda item: item.reason):
        items = list(group)
        rows.append(f"| {reason} | {len(items)} | {sum(item.size for item in items) / MIB:.1f} |")
    versions = [item.path.name for item in garbage if item.path.parent == store.indexes]
    return {
        "artifacts": len(garbage),
        "mebibytes": round(sum(item.size for item in garbage) / MIB, 1),
        "index_versions": len(versions),
        "names_of_index_versions": ", ".join(versions) or "none",
        "reasons": dg.MetadataValue.md("\n".join(rows)),
    }


def runs_metadata(old: OldRuns) -> Mapping[str, Any]:
    """Metadata of the runs: how many of which job, from when to when, and which old ones stay."""
    ends = [record.update_timestamp for record in old.removed]
    jobs = Counter(record.dagster_run.job_name for record in old.removed)
    rows = ["| run | job | status | ended (UTC) |", "|---|---|---|---|"]
    for record in old.removed[:SHOWN_RUNS]:
        run = record.dagster_run
        ended = f"{record.update_timestamp:%Y-%m-%d %H:%M}"
        rows.append(f"| {run.run_id[:8]} | {run.job_name} | {run.status.value} | {ended} |")
    return {
        "runs": len(old.removed),
        "runs_by_job": dict(jobs),
        "oldest": f"{min(ends):%Y-%m-%d %H:%M}" if ends else "none",
        "newest": f"{max(ends):%Y-%m-%d %H:%M}" if ends else "none",
        "orphaned_files": old.orphaned_files,
        "mebibytes_of_files": round(old.bytes / MIB, 1),
        "old_runs_kept": dict(old.kept),
        "more_next_time": old.more,
        "first_runs": dg.MetadataValue.md("\n".join(rows)),
    }
