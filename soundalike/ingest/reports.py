"""Reports: what the stages of a run tell whoever started it, besides the asset metadata."""

from typing import Protocol

from soundalike.ingest.build_index import BuildReport
from soundalike.ingest.scan import ScanReport
from soundalike.ingest.stage import StageReport
from soundalike.vectors.index_files import IndexManifest

Report = ScanReport | StageReport | BuildReport | IndexManifest


class Reports(Protocol):
    """Takes the report of each stage that ends well, and the error of each that does not."""

    def add(self, report: Report) -> None:
        """Take what a stage did; an IndexManifest is what was published."""
        ...

    def fail(self, error: Exception) -> None:
        """Take the error that a stage raised."""
        ...


class NoReports:
    """Keeps nothing: runs in the background are watched in the Dagster UI."""

    def add(self, report: Report) -> None:
        """Let the report go."""

    def fail(self, error: Exception) -> None:
        """Let the error go."""
