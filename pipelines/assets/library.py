"""The asset `library`: the music roots as the catalog knows them; materialising it is a scan.

Only what Dagster needs is defined here; the stage is soundalike/ingest/scan.py.
"""

import dagster as dg
from pydantic import Field

from pipelines.metadata import scan_metadata
from pipelines.retries import transient_errors_retried
from soundalike.catalog.engine import Sessions
from soundalike.ingest.reports import Reports
from soundalike.ingest.roots import register_configured
from soundalike.ingest.scan import ScanRules, scan
from soundalike.settings import load_settings


class ScanConfig(dg.Config):
    """Options of one scan."""

    confirm_removals: bool = Field(
        default=False,
        description="Accept removals even if most of a root, or of a part of it, is missing.",
    )


@dg.asset(group_name="ingest", kinds={"postgres"}, pool="scan")
def library(
    config: ScanConfig,
    sessions: dg.ResourceParam[Sessions],
    reports: dg.ResourceParam[Reports],
) -> dg.MaterializeResult[None]:
    """Scans the music roots, updates the catalog, and seals new and changed files into batches."""
    settings = load_settings()
    with transient_errors_retried(reports):
        missing = register_configured(sessions, settings.music)
        rules = ScanRules.of(settings)
        report = scan(sessions, rules, confirm_removals=config.confirm_removals)
    report.problems += missing
    reports.add(report)
    return dg.MaterializeResult(metadata=scan_metadata(report))
