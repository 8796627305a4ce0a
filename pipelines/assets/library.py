"""The asset `library`: the music roots as the catalog knows them; materialising it is a scan.

Only what Dagster needs is defined here; the stage is soundalike/ingest/scan.py.
"""

import dagster as dg
from pydantic import Field

from pipelines.assets.batch_files import sealed
from pipelines.materializations import Events, recorded_by_us, recorded_version, version_tags
from pipelines.metadata import scan_metadata
from pipelines.partitions import batches
from pipelines.resources import Model
from pipelines.retries import transient_errors_retried
from soundalike.catalog.engine import Sessions
from soundalike.ingest.healing import heal, messages
from soundalike.ingest.reports import Reports
from soundalike.ingest.roots import register_configured
from soundalike.ingest.scan import ScanRules, scan
from soundalike.storage.layout import ArtifactStore


class ScanConfig(dg.Config):
    """Options of one scan."""

    folders: list[str] = Field(
        default=[],
        description="Scan only these folders of the music roots, by absolute path; none: all.",
    )
    confirm_removals: bool = Field(
        default=False,
        description="Accept removals even if most of a root, or of a part of it, is missing.",
    )


@dg.asset(group_name="ingest", kinds={"postgres"}, pool="scan")
def library(
    context: dg.AssetExecutionContext,
    config: ScanConfig,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
    reports: dg.ResourceParam[Reports],
) -> Events:
    """Scans the music roots, updates the catalog, and seals new and changed files into batches.

    A scan that finds nothing new is an observation: it does not make anything downstream stale.
    What is lost or damaged in the data root becomes work of its batch again.
    """
    settings = model.settings
    with transient_errors_retried(reports):
        missing = register_configured(sessions, settings.music)
        rules = ScanRules.of(settings)
        confirmed, folders = config.confirm_removals, config.folders
        report = scan(sessions, rules, confirm_removals=confirmed, folders=folders)
        damaged = heal(sessions, store)
    report.problems += [*missing, *messages(damaged)]
    reports.add(report)
    instance, key = context.instance, context.asset_key
    instance.add_dynamic_partitions(str(batches.name), list(report.batches))
    for batch, files in report.batches.items():
        yield sealed(batch, files)
    unchanged = recorded_version(instance, key) == report.state
    event = dg.AssetObservation if unchanged else dg.AssetMaterialization
    yield event(key, metadata=scan_metadata(report), tags=version_tags(report.state))
    yield recorded_by_us()
