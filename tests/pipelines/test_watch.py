"""New music must be scanned for soon, not over and over, and a tick without a scan must say why."""

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import delete

from pipelines import watch
from pipelines.definitions import build_defs
from pipelines.watch import LONGEST_WAIT_SECONDS, QUIET_SECONDS, REASON_TAG, scan_due, watcher
from soundalike.catalog import library_settings
from soundalike.catalog.process_locks import ingest_lock
from soundalike.catalog.tables import RootRow
from soundalike.ingest.compare import Change
from soundalike.ingest.scan import ScanReport
from soundalike.settings import load_settings
from soundalike.sources.watching import Changes
from tests.patience import until
from tests.pipelines.conftest import Orchestra
from tests.sounds import song


def tick(orchestra: Orchestra) -> str:
    """The reason for the scan that it requests, or for requesting none."""
    with dg.build_sensor_context(instance=orchestra.instance) as context:
        result = watch.unscanned_music(context, sessions=orchestra.resources["sessions"])
    if isinstance(result, dg.RunRequest):
        return f"scan: {result.tags[REASON_TAG]}"
    assert isinstance(result, dg.SkipReason)
    return str(result.skip_message)


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    def configured(**settings: object) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"SOUNDALIKE_{name.upper()}", str(value))
        load_settings.cache_clear()

    configured(watch="false")  # unless a test watches
    yield configured
    watcher.stop()


@pytest.fixture
def watched(
    orchestra: Orchestra, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> Orchestra:
    """Its music is watched, and scanned."""
    monkeypatch.delenv("SOUNDALIKE_WATCH")  # it is the default
    configure(data=orchestra.music.parent / "data", settle_seconds=0)
    monkeypatch.setattr(watch, "QUIET_SECONDS", 0.2)
    tick(orchestra)
    until(lambda: "watched yet" not in str(watcher.problems()))
    assert orchestra.run("scan").success
    until(lambda: "nothing was scanned yet" not in tick(orchestra))
    return orchestra


def scans_until_quiet(orchestra: Orchestra) -> list[str]:
    """Do what the ticks request, until one requests nothing and expects nothing."""
    reasons = []
    while True:
        said = tick(orchestra)
        if said.startswith("scan: "):
            reasons.append(said)
            assert orchestra.run("scan").success
        elif "a scan follows" not in said:
            return reasons
        time.sleep(0.05)


def test_the_first_start_does_not_wait_for_the_schedule(
    orchestra: Orchestra, configure: Callable[..., None], tmp_path: Path
) -> None:
    new = tmp_path / "more music"
    configure(music=new)
    assert f"{new} is not there" in tick(orchestra)
    new.mkdir()
    assert tick(orchestra) == f"scan: {new} was never scanned"
    assert tick(orchestra).startswith("scan: "), "until it was requested"
    assert orchestra.run("scan").success
    assert "succeeded" in tick(orchestra)


def test_a_scan_that_failed_is_not_requested_again_and_the_next_one_is_named(
    orchestra: Orchestra, configure: Callable[..., None], tmp_path: Path
) -> None:
    configure(music=tmp_path / "music" / "sub", scan_cron="0 3 * * *")
    configure(music=tmp_path)  # it holds a root that is known, which no scan accepts
    assert tick(orchestra).startswith("scan: ")
    job = build_defs(orchestra.resources).resolve_job_def("scan")
    run = orchestra.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert f"(run {run.run_id[:8]}) has not ended" in tick(orchestra)
    orchestra.instance.report_run_failed(run)
    said = tick(orchestra)
    assert f"(run {run.run_id[:8]}) failed and is tried again on schedule" in said
    assert "; next scan 03:00" in said


def test_a_scan_of_an_earlier_start_does_not_hide_a_root_that_is_new_now(
    orchestra: Orchestra,
    configure: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert orchestra.run("scan").success
    monkeypatch.setattr(watch, "STARTED", time.time())
    assert "succeeded" in tick(orchestra), "a restart alone is no reason"
    (tmp_path / "more").mkdir()
    configure(music=tmp_path / "more")
    assert tick(orchestra) == f"scan: {tmp_path / 'more'} was never scanned"
    assert orchestra.run("scan").success
    assert "succeeded" in tick(orchestra)


def test_without_watching_nothing_is_started(
    orchestra: Orchestra, configure: Callable[..., None]
) -> None:
    threads = threading.active_count()
    assert orchestra.run("scan").success
    song(orchestra.music / "a.flac")
    said = tick(orchestra)
    assert "folders are not watched (SOUNDALIKE_WATCH=false)" in said
    assert threading.active_count() == threads
    assert watcher.problems() == {}


def test_without_a_root_it_is_said_how_to_name_one(
    orchestra: Orchestra, configure: Callable[..., None]
) -> None:
    with orchestra.resources["sessions"].begin() as session:
        session.execute(delete(RootRow))
    configure(watch="true")
    assert "set SOUNDALIKE_MUSIC or run `soundalike ingest FOLDER`" in tick(orchestra)


def test_music_that_appears_is_scanned_and_then_it_is_quiet(watched: Orchestra) -> None:
    scans_until_quiet(watched)
    song(watched.music / "new album" / "a.flac")
    until(lambda: watcher.changes(0))
    reasons = scans_until_quiet(watched)
    assert reasons
    assert str(watched.music / "new album" / "a.flac") in reasons[0]
    assert watched.reports.last(ScanReport).music == 1
    said = tick(watched)
    assert "1 of 1 music roots are watched" in said
    assert "next scan" in said
    (watched.music / "cover.jpg").write_bytes(b"x")
    assert scans_until_quiet(watched) == []


def test_music_is_what_the_library_takes_whatever_this_process_would(watched: Orchestra) -> None:
    settings = load_settings().following({"extensions": frozenset({"mod"})})
    with watched.resources["sessions"].begin() as session:
        library_settings.write(session, settings, watched.resources["model"].space.key)
    tick(watched)
    until(lambda: not watcher.problems())
    (watched.music / "a.mp3").touch()
    (watched.music / "a.mod").touch()
    until(lambda: (watcher.changes(0) or Changes(0, 0, 0, "")).number)
    assert "a.mod" in str(watcher.changes(0))


def test_a_scan_of_watched_music_is_of_the_folders_that_changed(watched: Orchestra) -> None:
    song(watched.music / "old album" / "a.flac")
    scans_until_quiet(watched)
    (watched.music / "old album" / "a.flac").rename(watched.music / "old album" / "b.flac")
    until(lambda: watcher.changes(0))
    found: list[dg.RunRequest] = []

    def requested() -> bool:
        with dg.build_sensor_context(instance=watched.instance) as context:
            result = watch.unscanned_music(context, sessions=watched.resources["sessions"])
        found.extend([result] if isinstance(result, dg.RunRequest) else [])
        return bool(found)

    until(requested)
    assert watched.run("scan", run_config=found[0].run_config).success
    report = watched.reports.last(ScanReport)
    assert report.folders == (str(watched.music / "old album"),)
    assert report.changes == {Change.MISSING: 1, Change.NEW: 1}


@pytest.mark.slow
def test_a_copy_of_many_files_makes_few_scans(watched: Orchestra) -> None:
    scans_until_quiet(watched)
    file = song(watched.music.parent / "a.flac")
    copied = threading.Thread(
        target=lambda: [
            (watched.music / f"{n}.flac").write_bytes(file.read_bytes()) for n in range(1000)
        ]
    )
    copied.start()
    reasons = []
    while copied.is_alive() or not reasons:
        reasons += scans_until_quiet(watched)
    reasons += scans_until_quiet(watched)
    assert watched.reports.last(ScanReport).music == 1000
    assert len(reasons) < 10


@pytest.mark.slow
def test_a_scan_that_saw_a_file_being_written_is_followed_by_another(
    watched: Orchestra, configure: Callable[..., None]
) -> None:
    scans_until_quiet(watched)
    configure(settle_seconds=8)
    song(watched.music / "a.flac")
    until(lambda: watcher.changes(0))
    assert watched.run("scan").success, "by hand, at once"
    assert watched.reports.last(ScanReport).balance.changing == 1
    assert len(scans_until_quiet(watched)) == 1
    assert watched.reports.last(ScanReport).changes[Change.NEW] == 1


def test_a_watched_scan_that_failed_waits_for_the_schedule_or_the_next_change(
    watched: Orchestra,
) -> None:
    scans_until_quiet(watched)
    (watched.music / "a.mp3").touch()
    until(lambda: watcher.changes(0))
    job = build_defs(watched.resources).resolve_job_def("scan")
    run = watched.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert "has not ended" in tick(watched)
    watched.instance.report_run_failed(run)
    assert "failed and is tried again on schedule" in tick(watched)
    (watched.music / "b.mp3").touch()
    until(lambda: watcher.changes(0))
    assert scans_until_quiet(watched)


def test_a_foreground_ingest_is_left_alone(watched: Orchestra) -> None:
    scans_until_quiet(watched)
    (watched.music / "a.mp3").touch()
    with ingest_lock(watched.resources["sessions"]):
        assert "in a terminal" in tick(watched)


def scan_record(began: float, took: float) -> dg.RunRecord:
    return dg.RunRecord(
        storage_id=1,
        dagster_run=dg.DagsterRun(job_name="scan", status=dg.DagsterRunStatus.SUCCESS),
        create_timestamp=dt.datetime.fromtimestamp(began, dt.UTC),
        update_timestamp=dt.datetime.fromtimestamp(began + took, dt.UTC),
        start_time=began,
        end_time=began + took,
    )


@pytest.mark.parametrize(
    ("first", "last", "took", "settle", "due"),
    [
        (1000, 1000, 1, 2, 1000 + QUIET_SECONDS),
        (1000, 1000, 1, 60, 1060),
        (1000, 1000, 40, 2, 1040),
        (1000, 1290, 1, 2, 1290 + QUIET_SECONDS),
        (1000, 1299, 1, 2, 1000 + LONGEST_WAIT_SECONDS),
        (1000, 1200, 5000, 2, 1000 + LONGEST_WAIT_SECONDS),
        (100, 1199, 1, 2, 900 + LONGEST_WAIT_SECONDS),
    ],
)
def test_a_scan_waits_until_nothing_changes_but_not_for_ever(
    first: float, last: float, took: float, settle: float, due: float
) -> None:
    changes, last_scan = Changes(first, last, 2, "a.mp3"), scan_record(900.0, float(took))
    assert not scan_due(changes, last_scan, settle, due - 0.01)
    assert scan_due(changes, last_scan, settle, due)


def test_a_restart_scans_but_not_if_a_scan_has_just_been() -> None:
    changes, last_scan = Changes(1000, 1000, 0, "/music"), scan_record(900.0, 1.0)
    assert not scan_due(changes, last_scan, 2, 899 + LONGEST_WAIT_SECONDS)
    assert scan_due(changes, last_scan, 2, 900 + LONGEST_WAIT_SECONDS)
    assert scan_due(changes, None, 2, 1000 + QUIET_SECONDS)


def test_the_first_scan_of_all_waits_as_well() -> None:
    changes = Changes(1000, 1000, 1, "a.mp3")
    assert not scan_due(changes, None, 2, 1001)
    assert scan_due(changes, None, 2, 1000 + QUIET_SECONDS)
