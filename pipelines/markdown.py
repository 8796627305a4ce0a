"""Markdown tables for the Dagster UI, of texts that may hold anything; pictures: charts.py."""

import re
from collections.abc import Iterable, Sequence

from soundalike.catalog.batches import StageFailure
from soundalike.catalog.failures import FailureView
from soundalike.display_text import printable

SHOWN_ROWS = 200


def plain(text: str) -> str:
    r"""Escape text for a Markdown table cell: a file's name may hold anything."""
    return re.sub(r"([|<>`*_\[\]\\])", r"\\\1", printable(text))


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a table of at most SHOWN_ROWS rows, and how many more there are."""
    shown = [head, ("---",) * len(head), *rows[:SHOWN_ROWS]]
    lines = [f"| {' | '.join(map(plain, row))} |" for row in shown]
    hidden = len(rows) - SHOWN_ROWS
    return "\n".join([*lines, f"\nand {hidden} more" if hidden > 0 else ""]).rstrip()


def failures_table(failures: Iterable[StageFailure]) -> str:
    """Return a table of file, code and reason of a run's failures."""
    rows = [(failure.file.shown, failure.code, failure.message) for failure in failures]
    return table(("file", "code", "reason"), rows) if rows else "none"


def recorded_failures_table(failures: Iterable[FailureView], total: int) -> str:
    """Return a table of the recorded failures, with their next attempts; `total` counts all."""
    rows = [
        (failure.path, failure.code, failure.message, str(failure.attempts), _next_try(failure))
        for failure in failures
    ]
    if not rows:
        return "none"
    more = total - len(rows)
    shown = table(("file", "code", "reason", "attempts", "next attempt"), rows)
    return shown + (f"\n\nand {more} more: `soundalike failures`" if more > 0 else "")


def _next_try(failure: FailureView) -> str:
    return f"{failure.retry_at:%Y-%m-%d %H:%M} UTC" if failure.retry_at else "if it changes"
