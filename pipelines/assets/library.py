"""The music roots as the catalog knows them; materialising it is a scan."""

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
    """What a person may decide for one scan."""

    confirm_removals: bool = Field(
        default=False,
        description="Accept that files are gone even if most of a root, or part of it, is missing.",
    )


@dg.asset(group_name="ingest", kinds={"postgres"}, pool="scan")
def library(
    config: ScanConfig,
    sessions: dg.ResourceParam[Sessions],
    reports: dg.ResourceParam[Reports],
) -> dg.MaterializeResult[None]:
    """Compares the music folders with the catalog and seals what is new into batches."""
    settings = load_settings()
    with transient_errors_retried(reports):
        missing = register_configured(sessions, settings.music)
        rules = ScanRules.of(settings)
        report = scan(sessions, rules, confirm_removals=config.confirm_removals)
    report.problems += missing
    reports.add(report)
    return dg.MaterializeResult(metadata=scan_metadata(report))
