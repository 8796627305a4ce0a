"""Reports: results of stages passed to the caller that started a run, besides asset metadata."""

from typing import Protocol

from soundalike.ingest.build_index import BuildReport
from soundalike.ingest.scan import ScanReport
from soundalike.ingest.stage import StageReport
from soundalike.vectors.index_files import IndexManifest

Report = ScanReport | StageReport | BuildReport | IndexManifest


class Reports(Protocol):
    """A receiver of each successful stage's report and each failed stage's error."""

    def add(self, report: Report) -> None:
        """Receive a stage's report; an IndexManifest is that of the published index."""
        ...

    def fail(self, error: Exception) -> None:
        """Receive the error that a stage raised."""
        ...


class NoReports:
    """A receiver that discards everything: background runs are watched in the Dagster UI."""

    def add(self, report: Report) -> None:
        """Discard the report."""

    def fail(self, error: Exception) -> None:
        """Discard the error."""
