"""Freshness of `library` and `published_index`: two checks, and the sensor that keeps them true.

Dagster's FreshnessPolicy is not used: it asks when an asset was last materialised, and these two
are materialised only when there is something new. A library that nobody adds to would turn red
although it is scanned every quarter of an hour, and so would its index. So the checks ask the
catalog when the last scan was, and since when the served index has lagged; and the sensor evaluates
them without a run, and reports what has changed.
"""

import datetime as dt
import json
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from cronsim import CronSim
from sqlalchemy.exc import SQLAlchemyError

from pipelines.assets.library import library
from pipelines.assets.published_index import published_index
from pipelines.resources import Model
from pipelines.retries import reason_of, transient_errors_retried
from soundalike.catalog.engine import Sessions
from soundalike.errors import SoundalikeError
from soundalike.ingest.freshness import Freshness, index_freshness, library_freshness
from soundalike.settings import Settings, load_settings
from soundalike.storage.layout import ArtifactStore

MISSED_SCANS = 2  # in a row, and it is late;
SLOWEST_SCAN = dt.timedelta(hours=6)  # but not before one of a large network disk could have ended
BUILDING = dt.timedelta(hours=1)  # on top of twice the time that publishing waits for more


@dg.asset_check(asset=library)
def recently_scanned(sessions: dg.ResourceParam[Sessions]) -> dg.AssetCheckResult:
    """Checks that the last scan, with or without changes, is as recent as the schedule wants it."""
    with transient_errors_retried():
        return _result(_of_library(sessions, load_settings()))


@dg.asset_check(asset=published_index)
def follows_library(
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
) -> dg.AssetCheckResult:
    """Checks that what the library gained or lost is not waiting for an index for too long."""
    with transient_errors_retried():
        return _result(_of_index(sessions, store, model, load_settings()))


def _of_library(sessions: Sessions, settings: Settings) -> Freshness:
    now = dt.datetime.now(dt.UTC)
    return library_freshness(sessions, now, scan_due(settings, now))


def scan_due(settings: Settings, now: dt.datetime) -> dt.datetime:
    """Return when the last scan was due at the latest, given the schedule."""
    local = now.astimezone(ZoneInfo(settings.timezone))
    *_, tick = islice(CronSim(settings.scan_cron, local, reverse=True), MISSED_SCANS + 1)
    return min(tick, now - SLOWEST_SCAN)


def _of_index(
    sessions: Sessions, store: ArtifactStore, model: Model, settings: Settings
) -> Freshness:
    allowed = 2 * dt.timedelta(minutes=settings.publish_minutes) + BUILDING
    now = dt.datetime.now(dt.UTC)
    return index_freshness(sessions, store, model.space, settings.index_kind, now, allowed)


def _result(found: Freshness) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(**_fields(found))


def _fields(found: Freshness) -> dict[str, Any]:
    """Return what a check's result and its evaluation without a run have in common."""
    return {
        "passed": found.is_fresh,
        "severity": dg.AssetCheckSeverity.WARN,
        "description": found.told,
        "metadata": {"hours": round(found.seconds / 3600, 2)},
    }


@dg.sensor(
    name="freshness",
    description="Evaluates recently_scanned and follows_library, and reports what has changed.",
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def freshness(
    context: dg.SensorEvaluationContext,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
) -> dg.SensorResult | dg.SkipReason:
    """Reports the two checks without a run, whenever one of them turns."""
    settings = load_settings()
    try:
        found = {
            recently_scanned.check_key: _of_library(sessions, settings),
            follows_library.check_key: _of_index(sessions, store, model, settings),
        }
    except (SoundalikeError, SQLAlchemyError, OSError) as error:  # looked at again next time
        return dg.SkipReason(reason_of(error))
    before = json.loads(context.cursor or "{}")
    now = {key.name: state.is_fresh for key, state in found.items()}
    events = [
        dg.AssetCheckEvaluation(asset_key=key.asset_key, check_name=key.name, **_fields(state))
        for key, state in found.items()
        if before.get(key.name) != state.is_fresh
    ]
    if not events:
        return dg.SkipReason("; ".join(state.told for state in found.values()))
    return dg.SensorResult(asset_events=events, cursor=json.dumps(now))


FRESHNESS_CHECKS = [recently_scanned, follows_library]
FRESHNESS_SENSORS = [freshness]
