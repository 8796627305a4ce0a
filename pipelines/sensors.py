"""Sensors: runs requested by the catalog's state. Those requested by the clock are in schedules.py.

A sensor compares what is wanted with what the last run of it did (attempts.py), and says why it
requests nothing. What a run does is in assets/, and the comparison with the served index in
soundalike/ingest/publish.py.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

import dagster as dg

from pipelines.attempts import Decision, WorkState, decide
from pipelines.conditions import batch_conditions, index_conditions
from pipelines.jobs import automatic_publish_config, batch_job, index_job
from pipelines.materializations import unchanged_event
from pipelines.notes import Notes
from pipelines.orphaned_runs import fail_orphaned_runs
from pipelines.partitions import batches, reconcile, split_into_runs
from pipelines.resources import Model
from pipelines.runs import last_partition_runs, last_run, range_tags, unfinished_runs
from pipelines.wipes import last_wipes, unmaterialised
from soundalike.catalog.batches import pending_batches
from soundalike.catalog.engine import Sessions, ingest_running
from soundalike.catalog.retention import embedded_batches, known_batches
from soundalike.ingest.publish import NextIndex, PublishRule, next_index, publication_due
from soundalike.storage.layout import ArtifactStore

MAX_REQUESTED = 500  # batches; a tick has 60 s
PARALLEL_RUNS = 3  # as many of them work at a time (dagster.yaml)
SHOWN_REASONS = 5
INGEST = "`soundalike ingest` is running in a terminal; the next tick looks again"


@dg.sensor(
    job=batch_job,
    description="Requests runs for the batches with files or tracks that are not embedded yet, and "
    "keeps the partitions equal to the catalog's batches.",
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def sealed_batches(
    context: dg.SensorEvaluationContext,
    sessions: dg.ResourceParam[Sessions],
    model: dg.ResourceParam[Model],
) -> dg.SensorResult | dg.SkipReason:
    """Requests runs for the sealed batches that are not embedded with the configured model."""
    if ingest_running(sessions):
        return dg.SkipReason(INGEST)
    instance, settings = context.instance, model.settings
    fail_orphaned_runs(instance, foreground=True)  # of an ingest that was killed
    with sessions() as session:
        pending = {batch.key: batch.state for batch in pending_batches(session, model.space.key)}
        sealed = known_batches(session)
        embedded = {key for space, key in embedded_batches(session) if space == model.space.key}
    partitions = reconcile(instance.get_dynamic_partitions(str(batches.name)), sealed)
    notes = Notes.read(context.cursor)
    wipes = last_wipes(instance, batch_assets())
    wiped: list[str] = []
    if wipes != notes.wiped:
        wiped = unmaterialised(instance, batch_assets(), embedded - pending.keys())
    wanted = {**dict.fromkeys(wiped, f"wiped {max(wipes.values())}"), **pending}
    wanted = dict(list(wanted.items())[:MAX_REQUESTED])
    decisions = _decide_batches(
        instance,
        notes,
        wanted,
        partitions.order,
        settings.batches_per_run,
        batch_conditions(settings),
    )
    due = [key for key, decision in decisions.items() if decision.request]
    alone = [key for key, decision in decisions.items() if decision.note.failures]
    longest = min(settings.batches_per_run, -(-len(due) // PARALLEL_RUNS))
    runs = split_into_runs(due, partitions.order, longest, alone)
    kept = Notes(
        {key: decision.note for key, decision in decisions.items()},
        notes.wiped if wiped else wipes,
    )
    return dg.SensorResult(
        run_requests=[_run_request(keys) for keys in runs],
        skip_reason=None if runs else _nothing_to_do(decisions, model.space.key),
        dynamic_partitions_requests=partitions.requests,
        cursor=kept.text(),
    )


def batch_assets() -> list[str]:
    """The assets of a batch, by name, in data-flow order."""
    return ["raw_audio", "resampled_audio", "embeddings"]


def _decide_batches(
    instance: dg.DagsterInstance,
    notes: Notes,
    wanted: Mapping[str, str],
    order: Sequence[str],
    longest: int,
    conditions: str,
) -> dict[str, Decision]:
    """Decide for each batch, by what is `wanted` of it, whether a run is due."""
    runs = last_partition_runs(instance, list(wanted), order, longest, "embeddings")
    now = dt.datetime.now(dt.UTC)
    return {
        key: decide(WorkState(text, conditions), runs.get(key), notes.runs.get(key), now)
        for key, text in wanted.items()
    }


def _run_request(keys: Sequence[str]) -> dg.RunRequest:
    """A request without a run key: a key that Dagster has seen would hide a wanted run."""
    if len(keys) == 1:
        return dg.RunRequest(partition_key=keys[0])
    return dg.RunRequest(tags=range_tags(keys))


def _nothing_to_do(decisions: Mapping[str, Decision], space: str) -> str:
    if not decisions:
        return f"every batch is embedded in {space}"
    reasons = [f"{key}: {decision.reason}" for key, decision in decisions.items()]
    more = len(reasons) - SHOWN_REASONS
    return "\n".join(reasons[:SHOWN_REASONS] + ([f"and {more} more batches"] if more > 0 else []))


@dg.sensor(
    job=index_job,
    description="Requests an index build when the library differs from the published index; while "
    "batches are under way, only now and then.",
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def changed_library(
    context: dg.SensorEvaluationContext,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
) -> dg.SensorResult | dg.SkipReason:
    """Requests an index build when the library differs from the published index.

    Batches embedded during a build call for another version, and so another request.
    """
    if ingest_running(sessions):
        return dg.SkipReason(INGEST)
    instance, settings = context.instance, model.settings
    if unfinished_runs(instance, index_job.name):
        return dg.SkipReason("an index build is under way")
    wanted = next_index(sessions, store, model.space, settings.index_kind)
    if wanted.version is None:
        event = unchanged_event(instance, wanted)
        return dg.SensorResult(
            skip_reason=wanted.reason, asset_events=[event] if event else [], cursor=context.cursor
        )
    rule = PublishRule(settings.publish_tracks, settings.publish_minutes)
    later = publication_due(wanted, rule, dt.datetime.now(dt.UTC))
    if later and _batches_under_way(instance, sessions, model, settings.batches_per_run):
        return dg.SkipReason(later)
    return _index_request(
        context, wanted, index_conditions(settings, store, model.space.key, wanted.batches)
    )


def _batches_under_way(
    instance: dg.DagsterInstance, sessions: Sessions, model: Model, longest: int
) -> bool:
    """Return whether a batch is worked on, or is about to be; one that failed does not count."""
    if unfinished_runs(instance, batch_job.name):
        return True
    with sessions() as session:
        keys = [batch.key for batch in pending_batches(session, model.space.key)][:MAX_REQUESTED]
    order = instance.get_dynamic_partitions(str(batches.name))
    return len(last_partition_runs(instance, keys, order, longest, "embeddings")) < len(keys)


def _index_request(
    context: dg.SensorEvaluationContext, wanted: NextIndex, conditions: str
) -> dg.SensorResult:
    """The request of a build, unless its last run failed and nothing has changed since."""
    seen = wanted.served.publication.id if wanted.served else 0
    run = last_run(context.instance, index_job.name, "published_index")
    note = Notes.read(context.cursor).runs.get(index_job.name)
    state = WorkState(f"{wanted.version} after publication {seen}", conditions)
    decision = decide(state, run, note, dt.datetime.now(dt.UTC))
    request = dg.RunRequest(run_config=automatic_publish_config(seen))
    return dg.SensorResult(
        run_requests=[request] if decision.request else [],
        skip_reason=None if decision.request else decision.reason,
        cursor=Notes({index_job.name: decision.note}).text(),
    )


SENSORS = [sealed_batches, changed_library]
