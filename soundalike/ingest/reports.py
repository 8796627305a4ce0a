"""Reports: results of stages passed to the caller that started a run, besides asset metadata."""

from typing import Protocol, TypeVar

from soundalike.ingest.build_index import BuildReport
from soundalike.ingest.scan import ScanReport
from soundalike.ingest.stage import StageReport
from soundalike.vectors.index_files import IndexManifest

RunReport = ScanReport | StageReport | BuildReport | IndexManifest
AnyReport = TypeVar("AnyReport", bound=RunReport)


class Reports(Protocol):
    """A receiver of each successful stage's report and each failed stage's error."""

    def add(self, report: RunReport) -> None:
        """Receive a stage's report; an IndexManifest is that of the published index."""
        ...

    def fail(self, error: Exception) -> None:
        """Receive the error of a stage's attempt, which may be retried."""
        ...


class NoReports:
    """A receiver that discards everything: background runs are watched in the Dagster UI."""

    def add(self, report: RunReport) -> None:
        """Discard the report."""

    def fail(self, error: Exception) -> None:
        """Discard the error."""


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
