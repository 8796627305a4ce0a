"""The lines that an ingest prints: what was found, embedded, and is left."""

from collections.abc import Iterator, Sequence

from soundalike.catalog.batches import PendingBatch
from soundalike.ingest.compare import Change
from soundalike.ingest.embed import STAGE as EMBEDDINGS
from soundalike.ingest.scan import ScanReport
from soundalike.ingest.stage import StageReport
from soundalike.terminal import counted, safe

SHOWN_BATCHES = 4


def scan_lines(report: ScanReport) -> Iterator[str]:
    """Tell what a scan found, and the problems of its roots."""
    yield (
        f"{report.music} music files: {report.changes[Change.NEW]} new, "
        f"{report.changes[Change.CHANGED]} changed, {report.gone} removed"
    )
    if outdated := report.changes[Change.OUTDATED]:
        yield f"{counted(outdated, 'file')} to be read again, for its tags"
    for problem in report.problems:
        yield f"[yellow]{safe(problem)}[/yellow]"


def embedded_text(reports: Sequence[StageReport], failures: int) -> str:
    """Tell how many tracks were embedded in these stages, and how many files failed."""
    embedded = sum(report.done - report.reused for report in reports if report.stage == EMBEDDINGS)
    return f"{counted(embedded, 'track')} embedded, {counted(failures, 'failure')}"


def batch_numbers(first: int, last: int) -> str:
    """Name these batches of a round by their numbers."""
    return f"batch {first}" if first == last else f"batches {first} to {last}"


def left_text(left: Sequence[PendingBatch]) -> str:
    """Tell which batches are left."""
    if not left:
        return "nothing is left"
    keys = ", ".join(batch.key for batch in left[:SHOWN_BATCHES])
    more = ", ..." if len(left) > SHOWN_BATCHES else ""
    return f"{len(left)} {'batch is' if len(left) == 1 else 'batches are'} left ({keys}{more})"
