"""Metadata of assets for the Dagster UI, made of the stages' reports.

Only its form is decided here; the numbers are computed in soundalike. Results of checks are in
check_results.py.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from pipelines.markdown import SHOWN_ROWS, failures_table
from soundalike.display_text import printable
from soundalike.ingest.build_index import BuildReport
from soundalike.ingest.compare import Change
from soundalike.ingest.scan import ScanReport
from soundalike.ingest.stage import StageReport
from soundalike.resource_usage import Usage
from soundalike.sources.entry import EntryKind
from soundalike.vectors.index_files import IndexManifest

Metadata = Mapping[str, Any]
MIB = 2**20


def scan_metadata(report: ScanReport) -> Metadata:
    """Metadata of `library`: file counts by kind of change, new batches, and scan problems."""
    return {
        "dagster/row_count": report.music,
        "new_files": report.changes[Change.NEW],
        "changed_files": report.changes[Change.CHANGED],
        "files_tried_again": report.changes[Change.AGAIN],
        "returned_files": report.changes[Change.RETURNED],
        "removed_files": report.gone,
        "removed_by_a_rule": report.changes[Change.LEFT_OUT],
        "still_being_written": report.entries[EntryKind.CHANGING],
        "left_out": report.entries[EntryKind.LEFT_OUT],
        "batches_sealed": len(report.batches),
        "batches": ", ".join(report.batches) or "none",
        "problems": len(report.problems),
        "what_was_wrong": "\n".join(map(printable, report.problems)) or "nothing",
    }


def stage_metadata(report: StageReport) -> Metadata:
    """Metadata of a batch's stage: tracks done, failures with reasons, and resource usage."""
    return {
        "dagster/row_count": report.done,
        "reused": report.reused,
        "failures": len(report.failures),
        "failed_files": dg.MetadataValue.md(failures_table(report.failures)),
        "audio_hours": round(report.audio_seconds / 3600, 4),
        "times_real_time": round(report.times_real_time, 1),
        **report.notes,
        "flawed_files": "\n".join(map(printable, report.flawed[:SHOWN_ROWS])) or "none",
        **_usage(report.usage),
    }


def index_metadata(report: BuildReport) -> Metadata:
    """Metadata of a candidate index: its contents, its origin, and resource usage."""
    manifest = report.manifest
    return {
        "dagster/row_count": manifest.tracks,
        "version": manifest.version,
        "built_before": report.reused,
        "space": manifest.space,
        "dimension": manifest.dimension,
        "kind": manifest.kind,
        "batches": len(manifest.batches),
        "folder": dg.MetadataValue.path(report.folder),
        "manifest": dg.MetadataValue.json(manifest.model_dump(mode="json")),
        **_usage(report.usage),
    }


def published_metadata(manifest: IndexManifest) -> Metadata:
    """Metadata of `published_index`: the version that is now served."""
    return {
        "dagster/row_count": manifest.tracks,
        "version": manifest.version,
        "space": manifest.space,
    }


def _usage(usage: Usage) -> Metadata:
    cost: dict[str, Any] = {
        "seconds": round(usage.wall_seconds, 2),
        "cpu_percent": round(usage.cpu_percent, 1),
        "peak_memory_mib": round(usage.peak_rss_bytes / MIB, 1),
    }
    if usage.gpu_bytes is not None:
        cost["gpu_memory_mib"] = round(usage.gpu_bytes / MIB, 1)
    return cost
