"""Metadata of assets for the Dagster UI, made of the stages' reports.

Only its form is decided here; the numbers are computed in soundalike. What holds of an asset
whatever its runs did (owners, tags, columns) is in asset_specs.py; results of checks are in
check_results.py.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from pipelines.charts import histogram, named_bars
from pipelines.markdown import SHOWN_ROWS, failures_table
from soundalike.display_text import printable
from soundalike.ingest.build_index import BuildReport
from soundalike.ingest.compare import Change
from soundalike.ingest.identify import MANIFEST
from soundalike.ingest.merge import MergeReport
from soundalike.ingest.publish import PublishedManifest
from soundalike.ingest.scan import ScanReport
from soundalike.ingest.stage import StageReport
from soundalike.resource_usage import Usage
from soundalike.settings import load_settings
from soundalike.vectors.artifact_files import MANIFEST as INDEX_MANIFEST
from soundalike.vectors.map_files import MapManifest

Metadata = Mapping[str, Any]
MIB = 2**20
SHOWN_FILES = 50
COLUMN_TYPES = {"int64": "int", "double": "float"}


def scan_metadata(report: ScanReport) -> Metadata:
    """Metadata of `library`: file counts by kind of change, new batches, and scan problems."""
    rows: Metadata = {} if report.folders else {"dagster/row_count": report.music}
    return {
        **rows,
        "new_files": report.changes[Change.NEW],
        "changed_files": report.changes[Change.CHANGED],
        "files_read_again": report.changes[Change.OUTDATED],
        "files_tried_again": report.changes[Change.AGAIN],
        "returned_files": report.changes[Change.RETURNED],
        "removed_files": report.gone,
        "removed_by_a_rule": report.changes[Change.LEFT_OUT],
        "still_being_written": report.balance.changing,
        "left_out": report.balance.left_out.total(),
        "other_extensions": dict(report.balance.extensions.most_common(20)),
        "batches_sealed": len(report.batches),
        "batches": ", ".join(report.batches) or "none",
        "folders": "\n".join(map(printable, report.folders)) or "all",
        "problems": len(report.problems),
        "what_was_wrong": "\n".join(map(printable, report.problems)) or "nothing",
    }


def stage_metadata(report: StageReport) -> Metadata:
    """Metadata of a batch's stage: tracks done, failures with reasons, and resource usage."""
    codes = Counter(failure.code for failure in report.failures)
    return {
        "dagster/partition_row_count": report.done,
        "dagster/uri": report.uri,
        "reused": report.reused,
        "failures": len(report.failures),
        "failures_by_code": dg.MetadataValue.md(named_bars(dict(codes.most_common()), "failures")),
        "failed_files": dg.MetadataValue.md(failures_table(report.failures)),
        "audio_hours": round(report.audio_seconds / 3600, 4),
        "times_real_time": round(report.times_real_time, 1),
        **report.notes,
        "flawed_files": "\n".join(map(printable, report.flawed[:SHOWN_ROWS])) or "none",
        **(_files(report.files) if report.files else {}),
        **_usage(report.usage),
    }


def _files(files: Sequence[Mapping[str, Any]]) -> Metadata:
    """The batch's files as a table, the first SHOWN_FILES, and a histogram of their lengths."""
    minutes = [row["duration"] / 60 for row in files if row.get("duration")]
    return {
        "files_of_this_batch": dg.MetadataValue.table(
            [dg.TableRecord(_shown(row)) for row in files[:SHOWN_FILES]], file_columns()
        ),
        "durations": dg.MetadataValue.md(histogram(minutes, "minutes")),
    }


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: row.get(name) for name in MANIFEST.names}
    return {
        name: "" if value is None else printable(value) if isinstance(value, str) else value
        for name, value in shown.items()
    }


def file_columns() -> dg.TableSchema:
    """Return the columns of a batch's manifest, the table that `raw_audio` writes."""
    types = [(column.name, str(column.type)) for column in MANIFEST]
    return dg.TableSchema(
        [dg.TableColumn(name, COLUMN_TYPES.get(type_, type_)) for name, type_ in types]
    )


def index_metadata(report: BuildReport) -> Metadata:
    """Metadata of a candidate index: its contents, its origin, and resource usage."""
    manifest = report.manifest
    return {
        "dagster/row_count": manifest.tracks,
        "dagster/uri": report.folder.as_uri(),
        "version": manifest.version,
        "built_before": report.reused,
        "space": manifest.space,
        "model": manifest.model,
        "dimension": manifest.dimension,
        "kind": manifest.kind,
        "batches": len(manifest.batches),
        "segments": len(manifest.segments),
        "folder": dg.MetadataValue.path(report.folder),
        "manifest": dg.MetadataValue.json(manifest.model_dump(mode="json")),
        **_usage(report.usage),
    }


def merge_metadata(report: MergeReport) -> Metadata:
    """Metadata of a merge: the index it was for, what was merged, and resource usage."""
    segment = report.segment
    return {
        "dagster/row_count": segment.tracks if segment else 0,
        "version": report.version,
        "merged": ", ".join(each.name for each in report.merged) or "nothing was due",
        "segment": segment.name if segment else "none",
        **_usage(report.usage),
    }


def published_metadata(manifest: PublishedManifest) -> Metadata:
    """Metadata of `published_index`: the version that is served, what it replaces, and its links.

    If a user pinned another version meanwhile, it is that one's, with the run that pinned it.
    """
    run = manifest.published_by
    return {
        "dagster/row_count": manifest.tracks,
        "dagster/uri": manifest.folder.as_uri(),
        "version": manifest.version,
        "replaces": manifest.replaces or "nothing",
        "pinned": manifest.pinned,
        "published_by": dg.MetadataValue.dagster_run(run) if run else "soundalike",
        "space": manifest.space,
        "model": manifest.model,
        "kind": manifest.kind,
        "batches": len(manifest.batches),
        "manifest": dg.MetadataValue.path(manifest.folder / INDEX_MANIFEST),
        "served_at": dg.MetadataValue.url(f"{api_address()}/v1/index"),
    }


def map_metadata(manifest: MapManifest, folder: Path) -> Metadata:
    """Metadata of `map_layout`: which tracks moved, how true the map is, and what it cost."""
    trust = manifest.trustworthiness
    return {
        "dagster/row_count": manifest.tracks,
        "dagster/uri": folder.as_uri(),
        "index_version": manifest.index_version,
        "layout": manifest.layout,
        "made_from": manifest.parent or "nothing",
        "placed_since": manifest.placed,
        **({} if trust is None else {"trustworthiness": round(trust, 4)}),
        "cpu_seconds": manifest.cpu_seconds,
    }


def api_address() -> str:
    """Return the URL of the API on this machine."""
    settings = load_settings()
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _usage(usage: Usage) -> Metadata:
    cost: dict[str, Any] = {
        "seconds": round(usage.wall_seconds, 2),
        "cpu_percent": round(usage.cpu_percent, 1),
        "peak_memory_mib": round(usage.peak_rss_bytes / MIB, 1),
    }
    if usage.gpu_bytes is not None:
        cost["gpu_memory_mib"] = round(usage.gpu_bytes / MIB, 1)
    return cost
