"""What people see in a terminal: tables, progress bars, and what a message looks like."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from soundalike.catalog.engine import describe
from soundalike.catalog.failures import FailureView
from soundalike.catalog.tracks import TrackView
from soundalike.display_text import printable
from soundalike.vectors.ranking import Result

T = TypeVar("T")

STAGES = {
    "raw_audio": "reading files",
    "resampled_audio": "decoding and resampling",
    "embeddings": "embedding",
}


class ProgressBars:
    """A progress bar for each stage, where there is a terminal to show it."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def track(self, results: Iterable[T], stage: str, total: int) -> Iterator[T]:
        """`results`, with a bar that moves as they pass."""
        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        hidden = not self._console.is_terminal or total == 0
        with Progress(*columns, console=self._console, disable=hidden) as progress:
            yield from progress.track(results, total, description=STAGES.get(stage, stage))


@contextmanager
def downloading(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """What to call with the bytes that are here and those in all (0: not known).

    A terminal shows that something goes on, and from the first call a bar.
    """
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), DownloadColumn()),
        *(TransferSpeedColumn(), TimeRemainingColumn()),
    )
    bar = Progress(*columns, console=console, disable=not console.is_terminal)
    with ExitStack() as stack:
        status = stack.enter_context(console.status(what))

        def report(have: int, total: int) -> None:
            if not bar.tasks:
                status.stop()
                stack.enter_context(bar)
                bar.add_task(what, total=None)
            bar.update(TaskID(0), completed=have, total=total or None)

        yield report


def counted(number: int, noun: str) -> str:
    """`1 track`, `2 tracks`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def safe(text: object) -> str:
    """Text for a rich table: nothing in it is markup or a control character."""
    return escape(printable(str(text)))


def format_error(error: Exception) -> str:
    """An error as markup: what happened, line by line. The catalog's own are put in our words."""
    text = str(describe(error) if isinstance(error, SQLAlchemyError) else error)
    return "[red]error:[/red] " + "\n".join(safe(line) for line in text.splitlines())


def failures_table(failures: Sequence[FailureView], total: int) -> Table:
    """Which files did not get through, why, and when each is tried again; of `total` in all."""
    title = f"{counted(total, 'file')} did not get through"
    table = Table(title=title, title_justify="left")
    for column in ("file", "stage", "code", "reason", "tried", "again"):
        table.add_column(column, overflow="fold")
    for failure in failures:
        again = f"{failure.retry_at:%Y-%m-%d %H:%M}" if failure.retry_at else "if it changes"
        what = (failure.path, failure.stage, failure.code, failure.message, failure.attempts)
        table.add_row(*map(safe, (*what, again)))
    if total > len(failures):
        table.caption = f"and {total - len(failures)} more: soundalike failures"
    return table


def similar_table(query: TrackView, results: Sequence[tuple[Result, TrackView]]) -> Table:
    """What sounds like `query`, nearest first."""
    table = Table(title=f"Sounds like {safe(_named(query))}", title_justify="left")
    table.add_column("#", justify="right")
    table.add_column("score", justify="right")
    for column in ("track", "tags", "path"):
        table.add_column(column, overflow="fold")
    for result, track in results:
        words = ", ".join(tag["word"] for tag in track.tags[:3])
        row = (result.rank, f"{result.score:.3f}", _named(track), words, track.path or "")
        table.add_row(*map(safe, row))
    return table


def _named(track: TrackView) -> str:
    return f"{track.artist} - {track.title}" if track.artist else track.title
