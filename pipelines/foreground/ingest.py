"""Ingest: scan, embed until nothing is pending, publish; merge and draw the map if that is due.

The order of the jobs and the terminal output are decided here. What a job does is in assets/, and
background automation in schedules.py and sensors.py.
"""

import time
from collections.abc import Collection

from rich.console import Console

from pipelines.foreground.job_runner import JobRunner
from pipelines.foreground.messages import embedded_text, left_text, scan_lines
from pipelines.foreground.remote_runner import RemoteRunner
from pipelines.jobs import automatic_publish_config
from pipelines.resources import Model
from pipelines.rounds import work_off
from pipelines.run_errors import RunFailed
from pipelines.unchanged_index import unchanged_events
from soundalike.catalog.batch_summaries import settle
from soundalike.catalog.batches import PendingBatch, pending_batches
from soundalike.catalog.coverage import file_outcomes
from soundalike.catalog.engine import Sessions
from soundalike.catalog.failures import FailureView, failures_of
from soundalike.catalog.library import batch_number
from soundalike.catalog.publications import published
from soundalike.ingest.merge import due_merge
from soundalike.ingest.next_index import next_index
from soundalike.ingest.scan import ScanReport
from soundalike.ingest.stage import StageReport
from soundalike.maps.draw import has_map
from soundalike.settings import Settings
from soundalike.storage.layout import ArtifactStore
from soundalike.tables import failures_table
from soundalike.terminal import counted, safe
from soundalike.vectors.index_files import IndexManifest

SHOWN_FAILURES = 20
MOVED_MEANWHILE = ("vanished", "changed")
MAX_SCANS = 3  # while files are still being written


class Ingest:
    """Ingests in the foreground: jobs one after another, whose outcome is printed."""

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        jobs: JobRunner | RemoteRunner,
        console: Console,
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._jobs = jobs
        self._console = console
        self._space = Model(sessions).space
        self._store = ArtifactStore.of(settings)
        self._failed_runs: list[str] = []
        self._tried: set[str] = set()

    def run(self, confirm_removals: bool) -> None:
        """Scan, then embed until no batch is pending, then publish the index if it changed.

        The last line tells what is left. Raises RunFailed at the end if a batch's run failed, or if
        batches are left.
        """
        started = time.monotonic()
        self._scan(confirm_removals)
        left = work_off(self._pending, lambda keys: self._embed_round(keys, confirm_removals))
        embedded = self._embedded()
        version = self._publish()
        self._finish()
        seconds = time.monotonic() - started
        with self._sessions() as session:
            outcomes = file_outcomes(session)
        for line in self._jobs.reports.last(ScanReport).balance.lines(outcomes):
            self._console.print(f"[dim]{safe(line)}[/dim]", highlight=False)
        self._console.print(
            f"{embedded}; {version}; {left_text(left)} [dim]({seconds:.1f} s)[/dim]"
        )
        if left and not self._failed_runs:
            self._failed_runs.append(f"{left_text(left)}; run `soundalike ingest` again")
        if self._failed_runs:
            raise RunFailed("\n".join(self._failed_runs))

    def _scan(self, confirm_removals: bool) -> None:
        config = {"ops": {"library": {"config": {"confirm_removals": confirm_removals}}}}
        for attempt in range(1, MAX_SCANS + 1):
            self._jobs.run("scan", run_config=config)
            report = self._jobs.reports.last(ScanReport)
            for line in scan_lines(report):
                self._console.print(line)
            changing = report.balance.changing
            if not changing or attempt == MAX_SCANS:
                break
            self._console.print(f"{changing} still being written; waiting")
            time.sleep(self._settings.settle_seconds)

    def _pending(self) -> list[PendingBatch]:
        settle(self._sessions)
        with self._sessions() as session:
            return pending_batches(session, self._space.key)

    def _embed_round(self, keys: list[str], confirm_removals: bool) -> None:
        """Embed these batches; scan again if files of them were moved or changed meanwhile."""
        self._failed_runs += self._jobs.run_batches(keys)
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
        return embedded_text(self._jobs.reports.of(StageReport), len(failures))

    def _publish(self) -> str:
        wanted = next_index(self._sessions, self._store, self._space, self._settings.index_kind)
        if wanted.version is None:
            for event in unchanged_events(self._jobs.instance, wanted):
                self._jobs.instance.report_runless_asset_event(event)
            return wanted.reason
        self._jobs.run("publish_index", run_config=automatic_publish_config(wanted.served))
        manifest = self._jobs.reports.last(IndexManifest)
        return f"index {manifest.version} with {counted(manifest.tracks, 'track')} is published"

    def _finish(self) -> None:
        """Merge small segments and draw the map, if that is due; the index is served without."""
        with self._sessions() as session:
            served = published(session)
        due = []
        if due_merge(self._sessions, self._store, self._space.key):
            due.append("merge_segments")
        if served and not has_map(self._store, served.index.version):
            due.append("draw_map")
        for job in due:
            try:
                self._jobs.run(job)
            except RunFailed as error:
                self._console.print(f"[yellow]{job} failed: {safe(str(error))}[/yellow]")
