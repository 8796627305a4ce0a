"""Sensors: runs requested by the catalog's state. Those requested by the clock are in schedules.py.

A sensor compares what is wanted with what the last run of it did (attempts.py), and says why it
requests nothing. What a run does is in assets/, and the comparison with the served index in
soundalike/ingest/next_index.py.
"""

import datetime as dt
from collections.abc import Sequence

import dagster as dg
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG

from pipelines.attempts import Decision, WorkState
from pipelines.batch_jobs import by_job, parallel_runs
from pipelines.batch_work import (
    batches_under_way,
    decide_batches,
    reasons_to_wait,
    wanted_batches,
)
from pipelines.conditions import batch_conditions, disk_conditions, index_conditions
from pipelines.due_runs import request_if_due
from pipelines.jobs import BATCH_JOBS, automatic_publish_config, index_job, merge_job
from pipelines.notes import Notes
from pipelines.orphaned_runs import (
    fail_lost_launches,
    fail_lost_requests,
    fail_orphaned_runs,
)
from pipelines.partitions import batches, reconcile, split_into_runs
from pipelines.resources import Model
from pipelines.runs import range_tags, unfinished_runs
from pipelines.schedules import EACH_LOOP_SECONDS
from pipelines.unchanged_index import unchanged_events
from soundalike.catalog.batch_summaries import settle
from soundalike.catalog.batches import embedded_batches, pending_batches
from soundalike.catalog.engine import Sessions
from soundalike.catalog.process_locks import ingest_running
from soundalike.catalog.retention import known_batches
from soundalike.ingest.merge import due_merge
from soundalike.ingest.next_index import NextIndex, PublishRule, next_index, publication_due
from soundalike.storage.layout import ArtifactStore

PARALLEL_RUNS = 3  # as many of them work at a time (dagster.yaml)
# A run that takes longer hangs, or does too much at once: it fails, and each of its batches gets a
# run of its own, with as much time as any other run.
LONGEST_RUN_SECONDS = 12 * 3600  # as max_runtime_seconds in dagster.yaml
SECONDS_PER_BATCH = 3 * 3600
INGEST = "`soundalike ingest` is running in a terminal; the next tick looks again"


@dg.sensor(
    jobs=BATCH_JOBS,
    description="Requests runs for the batches with files or tracks that are not embedded yet, and "
    "keeps the partitions equal to the catalog's batches.",
    minimum_interval_seconds=EACH_LOOP_SECONDS,
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
    instance, settings, space = context.instance, model.settings, model.space.key
    fail_orphaned_runs(instance, foreground=True)  # of an ingest that was killed
    fail_lost_launches(instance)
    fail_lost_requests(instance)
    settle(sessions)
    with sessions() as session:
        pending, sealed = pending_batches(session, space), known_batches(session)
        embedded = set(embedded_batches(session, space))
    partitions = reconcile(instance.get_dynamic_partitions(str(batches.name)), sealed)
    notes = Notes.read(context.cursor)
    wanted, wipes = wanted_batches(instance, pending, embedded, notes.wiped)
    conditions, longest = batch_conditions(settings), settings.batches_per_run
    parallel = parallel_runs(instance, PARALLEL_RUNS)
    decisions: dict[str, Decision] = {}
    requests: list[dg.RunRequest] = []
    for job, batches_of_job in by_job(instance, sessions, settings, wanted).items():
        decided = decide_batches(
            instance, notes, batches_of_job, partitions.order, longest, conditions, job.asset
        )
        due = [key for key, decision in decided.items() if decision.request]
        alone = [key for key, decision in decided.items() if decision.note.failures]
        together = min(longest, -(-len(due) // parallel))
        runs = split_into_runs(due, partitions.order, together, alone)
        requests += [_run_request(job.name, keys) for keys in runs]
        decisions |= decided
    kept = {key: note for key, note in notes.runs.items() if key in wanted}
    kept.update({key: decision.note for key, decision in decisions.items()})
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else reasons_to_wait(decisions, space),
        dynamic_partitions_requests=partitions.requests,
        cursor=Notes(kept, wipes).text(),
    )


def _run_request(job: str, keys: Sequence[str]) -> dg.RunRequest:
    """A request without a run key: a key that Dagster has seen would hide a wanted run."""
    if len(keys) == 1:
        return dg.RunRequest(job_name=job, partition_key=keys[0])
    seconds = max(LONGEST_RUN_SECONDS, len(keys) * SECONDS_PER_BATCH)
    tags = {**range_tags(keys), MAX_RUNTIME_SECONDS_TAG: str(seconds)}
    return dg.RunRequest(job_name=job, tags=tags)


@dg.sensor(
    job=index_job,
    description="Requests an index build when the library differs from the published index; while "
    "batches are under way, only now and then.",
    minimum_interval_seconds=EACH_LOOP_SECONDS,
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
    instance, settings, space = context.instance, model.settings, model.space
    if unfinished_runs(instance, index_job.name):
        return dg.SkipReason("an index build is under way")
    wanted = next_index(sessions, store, space, settings.index_kind)
    if wanted.version is None:
        return dg.SensorResult(
            skip_reason=wanted.reason,
            asset_events=unchanged_events(instance, wanted),
            cursor=context.cursor,
        )
    rule = PublishRule(settings.publish_tracks, settings.publish_minutes)
    later = publication_due(wanted, rule, dt.datetime.now(dt.UTC))
    if later:
        with sessions() as session:
            pending = pending_batches(session, space.key)
        if batches_under_way(instance, pending, settings.batches_per_run):
            return dg.SkipReason(later)
    return _index_request(
        context, wanted, index_conditions(settings, store, space.key, wanted.batches)
    )


def _index_request(
    context: dg.SensorEvaluationContext, wanted: NextIndex, conditions: str
) -> dg.SensorResult:
    """The request of a build, unless its last run failed and nothing has changed since."""
    seen = wanted.served.publication.id if wanted.served else 0
    state = WorkState(f"{wanted.version} after publication {seen}", conditions)
    request = dg.RunRequest(run_config=automatic_publish_config(wanted.served))
    return request_if_due(context, index_job.name, "published_index", state, request)


@dg.sensor(
    job=merge_job,
    description="Requests a merge when the served index has too many small segments, or one of "
    "which many rows are gone.",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def small_segments(
    context: dg.SensorEvaluationContext,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
) -> dg.SensorResult | dg.SkipReason:
    """Requests a merge of segments, unless its last run failed and nothing has changed since."""
    if ingest_running(sessions):
        return dg.SkipReason(INGEST)
    due = due_merge(sessions, store, model.space.key)
    if not due:
        return dg.SkipReason("the segments of the served index are few")
    names = " ".join(segment.name for segment in due)
    state = WorkState(names, disk_conditions(model.settings.data))
    return request_if_due(context, merge_job.name, "merged_segments", state, dg.RunRequest())


SENSORS = [sealed_batches, changed_library, small_segments]
