"""Reports: results of stages passed to the caller that started a run, besides asset metadata."""

from typing import Protocol, TypeVar

import structlog

from soundalike.display_text import printable
from soundalike.ingest.build_index import BuildReport
from soundalike.ingest.compare import Change
from soundalike.ingest.scan import ScanReport
from soundalike.ingest.stage import StageReport
from soundalike.vectors.index_files import IndexManifest

RunReport = ScanReport | StageReport | BuildReport | IndexManifest
AnyReport = TypeVar("AnyReport", bound=RunReport)
TOLD_CHANGES = (Change.NEW, Change.CHANGED, Change.OUTDATED, Change.RETURNED)

log = structlog.get_logger()


class Reports(Protocol):
    """A receiver of each successful stage's report and each failed stage's error."""

    def add(self, report: RunReport) -> None:
        """Receive a stage's report; an IndexManifest is that of the published index."""
        ...

    def fail(self, error: Exception) -> None:
        """Receive the error of a stage's attempt, which may be retried."""
        ...


class NoReports:
    """A receiver that discards everything."""

    def add(self, report: RunReport) -> None:
        """Discard the report."""

    def fail(self, error: Exception) -> None:
        """Discard the error."""


class LoggedReports:
    """A receiver that logs a line for each: what a background run did, in its log."""

    def add(self, report: RunReport) -> None:
        """Log the report; a scan's problems too."""
        log.info("stage.done", message=_told(report))
        if isinstance(report, ScanReport):
            for problem in report.problems:
                log.warning("scan.problem", message=printable(problem))

    def fail(self, error: Exception) -> None:
        """Log the error."""
        log.error("stage.failed", message=str(error), error=type(error).__name__)


def _told(report: RunReport) -> str:
    if isinstance(report, ScanReport):
        changes = [f"{report.changes[change]} {change.name.lower()}" for change in TOLD_CHANGES]
        changes.append(f"{report.gone} removed")
        sealed = f"; batches {', '.join(report.batches)}" if report.batches else ""
        return f"library: {report.music} music files, {', '.join(changes)}{sealed}"
    if isinstance(report, StageReport):
        failed = f", {len(report.failures)} failed" if report.failures else ""
        speed = f", {report.times_real_time:.3g} x real time" if report.audio_seconds else ""
        return (
            f"{report.stage} of {report.batch}: {report.done} done ({report.reused} before)"
            f"{failed}{speed}, {report.usage.wall_seconds:.1f} s"
        )
    if isinstance(report, BuildReport):
        manifest, had = report.manifest, " (built before)" if report.reused else ""
        return f"faiss_index: {manifest.version}, {manifest.kind}, {manifest.tracks} tracks{had}"
    return f"published_index: {report.version} with {report.tracks} tracks is served"


class RecordedReports:
    """The reports, and the last error, of the runs in this process."""

    def __init__(self) -> None:
        self._reports: list[RunReport] = []
        self.error: Exception | None = None

    def add(self, report: RunReport) -> None:
        """Keep a stage's report."""
        self._reports.append(report)

    def fail(self, error: Exception) -> None:
        """Keep a stage's error."""
        self.error = error

    def of(self, kind: type[AnyReport]) -> list[AnyReport]:
        """The reports of this kind, oldest first."""
        return [report for report in self._reports if isinstance(report, kind)]

    def last(self, kind: type[AnyReport]) -> AnyReport:
        """The latest report of this kind. Raises LookupError if there is none."""
        for report in reversed(self.of(kind)):
            return report
        raise LookupError(kind)
