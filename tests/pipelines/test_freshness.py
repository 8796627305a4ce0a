"""Freshness must be about scans and the served index, and not about how often something changes."""

import datetime as dt
from unittest.mock import Mock

import dagster as dg
import pytest
from sqlalchemy import func, update
from sqlalchemy.exc import OperationalError

from pipelines.freshness import follows_library, freshness, recently_scanned, scan_due
from soundalike.catalog.tables import EmbeddedBatchRow, PublicationRow, RootRow
from soundalike.errors import StorageError
from soundalike.settings import Settings
from tests.pipelines.conftest import Orchestra
from tests.pipelines.test_checks import execute
from tests.sounds import song


def tick(orchestra: Orchestra, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    resources = {key: orchestra.resources[key] for key in ("sessions", "store", "model")}
    with dg.build_sensor_context(instance=orchestra.instance, cursor=cursor) as context:
        result = freshness(context, **resources)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def reported(result: dg.SensorResult | dg.SkipReason) -> dict[str, tuple[bool, str]]:
    assert isinstance(result, dg.SensorResult)
    events = [e for e in result.asset_events if isinstance(e, dg.AssetCheckEvaluation)]
    return {event.check_name: (event.passed, str(event.description)) for event in events}


def ago(orchestra: Orchestra, **delta: float) -> None:
    """Everything that was scanned, embedded or published was so earlier."""
    with orchestra.resources["sessions"].begin() as session:
        past = func.now() - dt.timedelta(**delta)
        session.execute(update(RootRow).values(scanned_at=past))
        session.execute(update(EmbeddedBatchRow).values(embedded_at=past))
        session.execute(update(PublicationRow).values(published_at=past))


def ingest(orchestra: Orchestra, batch: int) -> None:
    song(orchestra.music / f"{batch}.flac", seconds=2.0, seed=batch)
    orchestra.ingest(f"b{batch:06d}")


@pytest.mark.slow
def test_a_library_that_never_changes_stays_fresh_while_it_is_scanned(
    orchestra: Orchestra,
) -> None:
    ingest(orchestra, 1)
    assert orchestra.run("publish_index").success
    ago(orchestra, days=40)
    assert orchestra.run("scan").success, "nothing is new"
    assert execute(orchestra, "recently_scanned").passed
    assert execute(orchestra, "follows_library").passed
    first = tick(orchestra)
    assert {name: passed for name, (passed, _) in reported(first).items()} == {
        "recently_scanned": True,
        "follows_library": True,
    }
    assert isinstance(first, dg.SensorResult)
    again = tick(orchestra, first.cursor)
    assert isinstance(again, dg.SkipReason), "what has not changed is not reported again"
    assert "is up to date" in str(again.skip_message)


@pytest.mark.slow
def test_a_library_that_is_no_longer_scanned_turns_yellow_by_itself(orchestra: Orchestra) -> None:
    ingest(orchestra, 1)
    assert orchestra.run("publish_index").success
    first = tick(orchestra)
    assert isinstance(first, dg.SensorResult)
    ago(orchestra, days=2)
    passed, told = reported(tick(orchestra, first.cursor))["recently_scanned"]
    assert not passed
    assert told.startswith("the last scan was about 48 h ago; is the schedule running")


@pytest.mark.slow
def test_an_index_that_does_not_follow_turns_yellow_until_it_is_published(
    orchestra: Orchestra,
) -> None:
    ingest(orchestra, 1)
    assert execute(orchestra, "follows_library").passed, "a build takes its time"
    ago(orchestra, hours=10)
    late = execute(orchestra, "follows_library")
    assert not late.passed
    assert late.severity == dg.AssetCheckSeverity.WARN
    assert "1 tracks has been waiting to be published for about 10 h" in str(late.description)
    assert orchestra.run("publish_index").success
    assert execute(orchestra, "follows_library").passed


@pytest.mark.parametrize("error", [StorageError("no room"), OperationalError("", {}, OSError())])
def test_what_can_happen_skips_the_tick_in_words(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("pipelines.freshness.index_freshness", Mock(side_effect=error))
    skipped = tick(orchestra)
    assert isinstance(skipped, dg.SkipReason)
    assert "unexpected" not in str(skipped.skip_message)


def test_a_mistake_of_ours_fails_the_tick(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.freshness.index_freshness", Mock(side_effect=KeyError("x")))
    with pytest.raises(KeyError):
        tick(orchestra)


def test_before_the_first_scan_nothing_is_fresh(orchestra: Orchestra) -> None:
    passed, told = reported(tick(orchestra))["recently_scanned"]
    assert (passed, told) == (False, "no scan has ended yet; materialise library")


@pytest.mark.parametrize(
    ("cron", "timezone", "due"),
    [
        ("*/15 * * * *", "UTC", "2026-03-10T06:05:00+00:00"),
        ("0 3 * * *", "UTC", "2026-03-08T03:00:00+00:00"),
        ("0 3 * * *", "Europe/Berlin", "2026-03-08T02:00:00+00:00"),
        ("0 3 * * 0", "UTC", "2026-02-22T03:00:00+00:00"),
    ],
)
def test_a_scan_is_due_as_the_schedule_says(cron: str, timezone: str, due: str) -> None:
    now = dt.datetime(2026, 3, 10, 12, 5, tzinfo=dt.UTC)
    settings = Settings(scan_cron=cron, timezone=timezone)
    assert scan_due(settings, now).astimezone(dt.UTC).isoformat() == due


def test_the_sensor_and_the_checks_are_about_the_same_assets() -> None:
    assert recently_scanned.check_key == dg.AssetCheckKey(
        dg.AssetKey("library"), "recently_scanned"
    )
    assert follows_library.check_key.asset_key == dg.AssetKey("published_index")
    assert freshness.default_status == dg.DefaultSensorStatus.RUNNING
