"""The sensor that scans before the schedule does: for a new music root, and for files that change.

What is watched, and how, is in soundalike/sources/watching.py. The watches live in the code server,
which evaluates sensors; a new code server watches anew, and so begins with one scan.
"""

import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

import dagster as dg
from sqlalchemy.orm import Session

from pipelines.assets.library import library
from pipelines.jobs import scan_job
from pipelines.schedules import EACH_LOOP_SECONDS, next_time, shown_time
from soundalike.catalog import library_settings
from soundalike.catalog.engine import Sessions
from soundalike.catalog.process_locks import ingest_running
from soundalike.catalog.roots import roots
from soundalike.errors import LibraryError
from soundalike.settings import Settings, load_settings
from soundalike.sources.ignore import IgnoreRules
from soundalike.sources.roots import MusicRoot
from soundalike.sources.watching import Changes, Watcher

REASON_TAG = "soundalike/reason"
STARTED = time.time()
QUIET_SECONDS = 5.0  # files that are copied together follow each other within it
LONGEST_WAIT_SECONDS = 300.0  # while files change without end, there is a scan each that long
watcher = Watcher()


def scan_due(
    changes: Changes, last_scan: dg.RunRecord | None, settle_seconds: float, now: float
) -> bool:
    """Return whether to scan now: nothing has changed for a while, or something for very long.

    The while is at least as long as the last scan took, so that scanning takes half of the time at
    most. If it is only that watching began, a scan of a moment ago has probably seen all.
    """
    began = began_at(last_scan)
    if not changes.number and now - began < LONGEST_WAIT_SECONDS:
        return False
    took = ((last_scan and last_scan.end_time) or began) - began
    quiet = max(QUIET_SECONDS, settle_seconds, min(took, LONGEST_WAIT_SECONDS))
    waiting_since = max(changes.first, began)
    return now - changes.last >= quiet or now - waiting_since >= LONGEST_WAIT_SECONDS


def began_at(scan: dg.RunRecord | None) -> float:
    """Return when the scan began (UNIX time), or was requested if it never did; 0 if none was."""
    return (scan.start_time or scan.create_timestamp.timestamp()) if scan else 0.0


def last_scan_of(instance: dg.DagsterInstance) -> dg.RunRecord | None:
    """Return the run that materialised `library` last, in whichever job, or is about to."""
    records = instance.get_asset_records([library.key])
    run_id = records[0].asset_entry.last_run_id if records else None
    return instance.get_run_record_by_id(run_id) if run_id else None


@dg.sensor(
    job=scan_job,
    description=(
        "Requests a scan as soon as SOUNDALIKE_MUSIC names a root that was never scanned, and "
        "within seconds after music changed (unless SOUNDALIKE_WATCH=false)."
    ),
    minimum_interval_seconds=EACH_LOOP_SECONDS if load_settings().watch else 30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def unscanned_music(
    context: dg.SensorEvaluationContext, sessions: dg.ResourceParam[Sessions]
) -> dg.RunRequest | dg.SkipReason:
    """Requests a scan for new music roots, and for changes of music where roots are watched."""
    settings = load_settings()
    with sessions() as session:
        known = [MusicRoot(row.location) for row in roots(session)]
        rules = IgnoreRules(_extensions(session, settings))
    new = [root for root in _configured(settings) if not any(map(root.is_within, known))]
    there = [root for root in new if _is_there(root)]
    if settings.watch:
        watcher.follow([*known, *new], rules, settings.data.resolve())
    last = last_scan_of(context.instance)
    changes = watcher.changes(began_at(last) - settings.settle_seconds)  # it skipped fresh files
    if ingest_running(sessions):
        return dg.SkipReason("`soundalike ingest` is running in a terminal; it scans by itself")
    if last and not last.dagster_run.is_finished:
        return dg.SkipReason(_of_last(last))
    if there and began_at(last) < STARTED:
        return _request(f"{there[0].shown} was never scanned")
    if changes:
        return _scan_or_wait(changes, last, settings.settle_seconds)
    absent = [f"{root.shown} is not there" for root in new if root not in there]
    watched = _of_watches(settings, len(known) + len(new))
    next_one = f"next scan {next_time(settings.scan_cron)}"
    return dg.SkipReason("; ".join([_of_last(last), *absent, *watched, next_one]))


def _scan_or_wait(
    changes: Changes, last: dg.RunRecord | None, settle_seconds: float
) -> dg.RunRequest | dg.SkipReason:
    what = f"{changes.number} changes of music, the last of {changes.example}"
    until = "seconds of the last one"
    if not changes.number:
        what = f"what changed before {changes.example} was watched is not known"
        until = "five minutes of the last one"
    if scan_due(changes, last, settle_seconds, time.time()):
        succeeded = last and last.dagster_run.status is dg.DagsterRunStatus.SUCCESS
        return _request(what, changes.folders if succeeded else ())  # else it may have missed some
    return dg.SkipReason(f"{what}; a scan follows within {until}")


def _extensions(session: Session, settings: Settings) -> frozenset[str]:
    """Return the extensions of the library, which scans go by; before the first one, our own."""
    library = library_settings.read(session)
    return frozenset(library.extensions) if library else settings.extensions


def _configured(settings: Settings) -> Iterator[MusicRoot]:
    for name in settings.music:
        with suppress(LibraryError):  # a name that cannot be a root, which each scan reports
            yield MusicRoot.named(name)


def _is_there(root: MusicRoot) -> bool:
    return root.is_bucket or root.folder.is_dir()


def _request(reason: str, folders: Collection[Path] = ()) -> dg.RunRequest:
    """A scan, of these folders alone if there are any."""
    names = sorted(map(str, folders))
    if not names or not "".join(names).isprintable():  # the database takes no other texts
        return dg.RunRequest(tags={REASON_TAG: reason})
    config = {"ops": {library.op.name: {"config": {"folders": names}}}}
    return dg.RunRequest(tags={REASON_TAG: reason}, run_config=config)


def _of_last(scan: dg.RunRecord | None) -> str:
    """Say what became of the last scan."""
    if scan is None:
        return "nothing was scanned yet"
    run = scan.dagster_run
    ending = {
        dg.DagsterRunStatus.SUCCESS: "succeeded",
        dg.DagsterRunStatus.FAILURE: "failed and is tried again on schedule",
        dg.DagsterRunStatus.CANCELED: "was cancelled",
    }.get(run.status, "has not ended")
    return f"the scan of {shown_time(began_at(scan))} (run {run.run_id[:8]}) {ending}"


def _of_watches(settings: Settings, count: int) -> list[str]:
    """Say what is watched, and what only the schedule finds."""
    if not count:
        return ["there is no music root: set SOUNDALIKE_MUSIC or run `soundalike ingest FOLDER`"]
    if not settings.watch:
        return ["folders are not watched (SOUNDALIKE_WATCH=false)"]
    problems = watcher.problems()
    unwatched = [f"{root.shown} {why}" for root, why in sorted(problems.items(), key=str)]
    return [f"{count - len(problems)} of {count} music roots are watched", *unwatched]


WATCH_SENSORS = [unscanned_music]
