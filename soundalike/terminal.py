"""Terminal output: progress bars, and the format of error messages."""

from collections.abc import Callable, Iterable, Iterator
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
from sqlalchemy.exc import SQLAlchemyError

from soundalike.catalog.engine import describe
from soundalike.display_text import printable
from soundalike.progress import DownloadProgress, no_audio

T = TypeVar("T")

STAGES = {
    "raw_audio": "reading files",
    "resampled_audio": "decoding and resampling",
    "embeddings": "embedding",
    "verify": "reading the data root",
    "export": "exporting",
    "backup": "backing up",
    "restore": "restoring",
}


class ProgressBars:
    """A Progress with a bar for each stage, if the console is a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def track(
        self,
        results: Iterable[T],
        stage: str,
        total: int,
        _seconds: Callable[[T], float] = no_audio,
    ) -> Iterator[T]:
        """Yield `results` with a bar that moves as they pass."""
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
def downloading(console: Console, title: str) -> Iterator[DownloadProgress]:
    """Yield a function to call with the bytes downloaded and the total (0: not known).

    A terminal shows a spinner, and from the first call a bar.
    """
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), DownloadColumn()),
        *(TransferSpeedColumn(), TimeRemainingColumn()),
    )
    bar = Progress(*columns, console=console, disable=not console.is_terminal)
    with ExitStack() as stack:
        status = stack.enter_context(console.status(title))

        def report(downloaded: int, total: int) -> None:
            if not bar.tasks:
                status.stop()
                stack.enter_context(bar)
                bar.add_task(title, total=None)
            bar.update(TaskID(0), completed=downloaded, total=total or None)

        yield report


def counted(number: int, noun: str) -> str:
    """Format a number with its noun: `1 track`, `2 tracks`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def safe(text: object) -> str:
    """Escape markup and control characters, for a rich table."""
    return escape(printable(str(text)))


def safe_lines(text: str) -> str:
    """Escape each line, and keep the lines apart."""
    return "\n".join(safe(line) for line in text.splitlines())


def format_error(error: Exception) -> str:
    """Format an error as markup; SQLAlchemy's errors are described in plain words."""
    text = str(describe(error) if isinstance(error, SQLAlchemyError) else error)
    return f"[red]error:[/red] {safe_lines(text)}"


def format_warning(error: Exception) -> str:
    """Format what does not stop the command, as markup."""
    return f"[yellow]{safe_lines(str(error))}[/yellow]"
