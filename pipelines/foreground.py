"""`soundalike ingest`: scans, embeds and publishes, as real Dagster runs in this one process.

The order of the jobs and the terminal output are decided here. What a job does is in assets/, and
background automation in schedules.py and sensors.py.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Collection, Sequence
from typing import Any

import dagster as dg
from dagster._core.instance import InstanceRef
from dagster_postgres.utils import DagsterPostgresException
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from pipelines.interrupts import Interrupts
from pipelines.jobs import automatic_publish_config
from pipelines.orphaned_runs import FOREGROUND_TAG, fail_orphaned_runs
from pipelines.partitions import batches, split_into_runs
from pipelines.resources import Model
from pipelines.rounds import work_off
from pipelines.run_errors import RunFailed, explain, run_failure, silence_retry_warnings
from pipelines.runs import range_tags
from pipelines.unchanged_index import unchanged_events
from soundalike.audio.sandbox import Decoders
from soundalike.audio.tags.rules import TagRules
from soundalike.catalog.batches import PendingBatch, pending_batches
from soundalike.catalog.coverage import file_outcomes
from soundalike.catalog.engine import Sessions, open_catalog
from soundalike.catalog.failures import FailureView, failures_of
from soundalike.catalog.indexes import published
from soundalike.catalog.library import batch_number
from soundalike.catalog.library_settings import adopt
from soundalike.catalog.process_locks import ingest_lock, up_running
from soundalike.catalog.upgrade import upgrade
from soundalike.environment import child_environment
from soundalike.errors import SettingsError, SoundalikeError
from soundalike.ingest.compare import Change
from soundalike.ingest.embed import STAGE as EMBEDDINGS
from soundalike.ingest.merge import due_merge
from soundalike.ingest.next_index import next_index
from soundalike.ingest.reports import RecordedReports
from soundalike.ingest.roots import read_again, register_roots
from soundalike.ingest.scan import ScanReport
from soundalike.ingest.stage import StageReport
from soundalike.logs import configure_logs
from soundalike.maps.draw import has_map
from soundalike.postgres import connected_database
from soundalike.settings import Settings, load_settings
from soundalike.storage.data_roots import remember_data_root
from soundalike.storage.disk_space import disk_errors_named, require_free_space
from soundalike.storage.layout import ArtifactStore
from soundalike.tables import failures_table
from soundalike.terminal import ProgressBars, counted, format_error, safe
from soundalike.vectors.index_files import IndexManifest

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
NO_OUTPUT_CAPTURED = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
        "config": {},
    }
}
INTERRUPTED = 130
SHOWN_FAILURES = 20
SHOWN_BATCHES = 4
MOVED_MEANWHILE = ("vanished", "changed")
MAX_SCANS = 3  # while files are still being written


class Foreground:
    """A runner of the pipeline's jobs, one after another, that prints their progress."""

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        decoders: Decoders,
        interrupts: Interrupts,
        console: Console,
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._interrupts = interrupts
        self._console = console
        self._space = Model(sessions).space
        self._reports = RecordedReports()
        overrides = {
            "sessions": sessions,
            "decoders": decoders,
            "progress": ProgressBars(console),
            "reports": self._reports,
        }
        self._store = ArtifactStore.of(settings)
        self._failed_runs: list[str] = []
        self._tried: set[str] = set()
        # Loading them reads the catalog, which is open now.
        from pipelines.definitions import build_defs  # noqa: PLC0415 - see above

        self._definitions = build_defs(overrides)
        # Dagster would capture output by processes, which Ctrl-C in a terminal also reaches.
        configured = InstanceRef.from_dir(os.environ["DAGSTER_HOME"], overrides=NO_OUTPUT_CAPTURED)
        self._instance = dg.DagsterInstance.from_ref(configured)

    def ingest(self, confirm_removals: bool) -> None:
        """Scan, then embed until no batch is pending, then publish the index if it changed.

        The last line tells what is left. Raises RunFailed at the end if a batch's run failed, or if
        batches are left.
        """
        started = time.monotonic()
        # This process holds the ingest lock, so no other executes the foreground's runs.
        fail_orphaned_runs(
            self._instance, foreground=True, background=not up_running(self._sessions)
        )
        self._scan(confirm_removals)
        left = work_off(self._pending, lambda keys: self._embed_round(keys, confirm_removals))
        embedded = self._embedded()
        version = self._publish()
        self._finish()
        seconds = time.monotonic() - started
        with self._sessions() as session:
            outcomes = file_outcomes(session)
        for line in self._reports.last(ScanReport).balance.lines(outcomes):
            self._console.print(f"[dim]{safe(line)}[/dim]", highlight=False)
        self._console.print(
            f"{embedded}; {version}; {_told_left(left)} [dim]({seconds:.1f} s)[/dim]"
        )
        if left and not self._failed_runs:
            self._failed_runs.append(f"{_told_left(left)}; run `soundalike ingest` again")
        if self._failed_runs:
            raise RunFailed("\n".join(self._failed_runs))

    def _scan(self, confirm_removals: bool) -> None:
        config = {"ops": {"library": {"config": {"confirm_removals": confirm_removals}}}}
        for attempt in range(1, MAX_SCANS + 1):
            self._run("scan", run_config=config)
            report = self._reports.last(ScanReport)
            self._console.print(
                f"{report.music} music files: {report.changes[Change.NEW]} new, "
                f"{report.changes[Change.CHANGED]} changed, {report.gone} removed"
            )
            if outdated := report.changes[Change.OUTDATED]:
                self._console.print(f"{counted(outdated, 'file')} to be read again, for its tags")
            for problem in report.problems:
                self._console.print(f"[yellow]{safe(problem)}[/yellow]")
            changing = report.balance.changing
            if not changing or attempt == MAX_SCANS:
                break
            self._console.print(f"{changing} still being written; waiting")
            time.sleep(self._settings.settle_seconds)

    def _pending(self) -> list[PendingBatch]:
        with self._sessions() as session:
            return pending_batches(session, self._space.key)

    def _embed_round(self, keys: list[str], confirm_removals: bool) -> None:
        """Embed these batches; scan again if files of them were moved or changed meanwhile."""
        self._instance.add_dynamic_partitions(str(batches.name), keys)
        order = self._instance.get_dynamic_partitions(str(batches.name))
        started = 0
        for together in split_into_runs(keys, order, self._settings.batches_per_run):
            if len(keys) > 1:
                first, started = started + 1, started + len(together)
                self._console.print(f"{_numbers(first, started)} of {len(keys)}")
            self._embed(together)
        self._tried.update(keys)
        if any(failure.code in MOVED_MEANWHILE for failure in self._failures(keys)):
            self._console.print("files were moved or changed meanwhile; scanning again")
            self._scan(confirm_removals)

    def _failures(self, keys: Collection[str]) -> list[FailureView]:
        with self._sessions() as session:
            return failures_of(session, [batch_number(key) for key in keys])

    def _embedded(self) -> str:
        """Tell what was embedded, and show what failed."""
        failures = self._failures(self._tried)
        if failures:
            shown, width = failures[:SHOWN_FAILURES], self._console.width
            self._console.print(failures_table(shown, len(failures), width))
        if not self._tried:
            return "nothing new"
        embedded = sum(
            report.done - report.reused
            for report in self._reports.of(StageReport)
            if report.stage == EMBEDDINGS
        )
        return f"{counted(embedded, 'track')} embedded, {counted(len(failures), 'failure')}"

    def _embed(self, keys: Sequence[str]) -> None:
        """Run batches together; if that fails, each alone, as the others may succeed."""
        try:
            self._run("ingest_batch", keys)
        except RunFailed as error:
            if len(keys) == 1:
                self._failed_runs.append(str(error))
                return
            for key in keys:
                self._embed([key])

    def _publish(self) -> str:
        wanted = next_index(self._sessions, self._store, self._space, self._settings.index_kind)
        if wanted.version is None:
            for event in unchanged_events(self._instance, wanted):
                self._instance.report_runless_asset_event(event)
            return wanted.reason
        self._run("publish_index", run_config=automatic_publish_config(wanted.served))
        manifest = self._reports.last(IndexManifest)
        return f"index {manifest.version} with {counted(manifest.tracks, 'track')} is published"

    def _finish(self) -> None:
        """Merge small segments and draw the map, if that is due; the index is served without."""
        with self._sessions() as session:
            served = published(session)
        jobs = []
        if due_merge(self._sessions, self._store, self._space.key):
            jobs.append("merge_segments")
        if served and not has_map(self._store, served.index.version):
            jobs.append("draw_map")
        for job in jobs:
            try:
                self._run(job)
            except RunFailed as error:
                self._console.print(f"[yellow]{job} failed: {safe(str(error))}[/yellow]")

    def _run(
        self, job: str, keys: Sequence[str] = (), run_config: dict[str, Any] | None = None
    ) -> None:
        """Run a job in this process, recorded as any other.

        Raises RunFailed with the failed step's reason, StorageError if the disk failed, or
        KeyboardInterrupt.
        """
        result = self._definitions.resolve_job_def(job).execute_in_process(
            instance=self._instance,
            run_config={**QUIET, **(run_config or {})},
            tags={FOREGROUND_TAG: "ingest", **(range_tags(keys) if keys else {})},
            raise_on_error=False,
        )
        self._interrupts.check()
        if not result.success:
            raise run_failure(result, job, self._reports.error)


def _numbers(first: int, last: int) -> str:
    return f"batch {first}" if first == last else f"batches {first} to {last}"


def _told_left(left: Sequence[PendingBatch]) -> str:
    if not left:
        return "nothing is left"
    keys = ", ".join(batch.key for batch in left[:SHOWN_BATCHES])
    more = ", ..." if len(left) > SHOWN_BATCHES else ""
    return f"{len(left)} {'batch is' if len(left) == 1 else 'batches are'} left ({keys}{more})"


def main() -> int:
    """Ingest in the foreground; the arguments are those of `soundalike ingest`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("roots", nargs="*")
    parser.add_argument("--confirm-removals", action="store_true")
    parser.add_argument("--reread", action="store_true")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    configure_logs("ERROR", json=False)  # what failed is in tables at the end, and in the runs' log
    silence_retry_warnings()
    settings = load_settings()
    try:
        require_free_space(settings.data)
        with (
            Interrupts() as interrupts,
            disk_errors_named(settings.data),
            connected_database(settings) as url,
        ):
            os.environ.update(child_environment(settings, url))
            upgrade(url)
            sessions = open_catalog(url)
            rules = TagRules.of(settings)
            with ingest_lock(sessions), Decoders(tag_rules=rules) as decoders:
                settings = adopt(sessions, settings)
                for message in register_roots(sessions, arguments.roots):
                    console.print(f"[dim]{safe(message)}[/dim]")
                if arguments.reread:
                    files = counted(read_again(sessions, arguments.roots), "file")
                    console.print(f"{files} to be read again")
                remember_data_root(settings.data)
                foreground = Foreground(settings, sessions, decoders, interrupts, console)
                foreground.ingest(arguments.confirm_removals)
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is ending already
        console.print(
            "stopped; finished work is kept, and `soundalike ingest` continues from there"
        )
        return INTERRUPTED
    except (SoundalikeError, SQLAlchemyError, DagsterPostgresException) as error:
        console.print(format_error(explain(error, settings)))
        return 2 if isinstance(error, SettingsError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
