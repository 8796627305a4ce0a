"""The status of `soundalike up` on a terminal: links, what goes on, and what went wrong last."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from soundalike.catalog.activity import Activity
from soundalike.catalog.engine import describe
from soundalike.errors import in_one_line
from soundalike.supervisor.log_files import LOGS, log_file
from soundalike.supervisor.log_lines import LogLine
from soundalike.tcp_ports import accepts
from soundalike.terminal import counted, safe

REFRESH_SECONDS = 3.0
SHOWN_BATCHES = 4
SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class Link:
    """Something that a person opens, and where it listens."""

    name: str
    url: str
    host: str
    port: int


class Status:
    """The status where no terminal is: a few lines once everything is started, and problems."""

    def __init__(self, console: Console, links: Sequence[Link]) -> None:
        self._console = console
        self._links = links

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        pass

    def started(self) -> None:
        """Tell that everything is started."""
        for link in self._links:
            self._console.print(f"{link.name:<12}{link.url}", highlight=False)
        self._console.print("Ctrl-C stops both")

    def note(self, line: LogLine) -> None:
        """Take note of a line that a service logged."""

    def report(self, problem: str, at: datetime | None = None) -> None:
        """Tell what went wrong; `at` is the time of it, now by default."""
        self._console.print(safe(problem))

    def refresh(self) -> None:
        """Bring the status up to date; called about once a second."""


class LiveStatus(Status):
    """A table that stays at the bottom of the terminal and is kept up to date.

    `activity` asks the catalog; `logs` is the folder of the log files.
    """

    def __init__(
        self,
        console: Console,
        links: Sequence[Link],
        activity: Callable[[], Activity],
        logs: Path,
    ) -> None:
        super().__init__(console, links)
        self._activity = activity
        self._logs = logs
        self._problem = ""
        self._next = 0.0
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def started(self) -> None:
        """Show it at once."""
        self._next = 0.0

    def note(self, line: LogLine) -> None:
        """Remember the line if it is a warning or worse."""
        if line.is_problem:
            self.report(line.text.partition("\n")[0], line.at)

    def report(self, problem: str, at: datetime | None = None) -> None:
        """Remember what went wrong: it is shown until something else does."""
        time_of_day = f"{(at or datetime.now()).astimezone():%H:%M:%S}"
        self._problem = f"{time_of_day} {problem[:SHOWN_CHARACTERS]}"

    def refresh(self) -> None:
        """Show what goes on now; does nothing if that was done a moment ago."""
        if self._live.is_started and time.monotonic() >= self._next:
            self._live.update(self.table(), refresh=True)
            self._next = time.monotonic() + REFRESH_SECONDS

    def table(self) -> Table:
        """The status as it is now."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        for link in self._links:
            starting = "" if accepts(link.host, link.port) else " [dim](starting)[/dim]"
            table.add_row(link.name, f"{link.url}{starting}")
        try:
            for name, text in _rows(self._activity()):
                table.add_row(name, text)
        except SQLAlchemyError as error:  # PostgreSQL is being restarted, perhaps
            self.report(in_one_line(describe(error)))
        if self._problem:
            table.add_row("last problem", f"[yellow]{safe(self._problem)}[/yellow]")
        files = ", ".join(log_file(self._logs, log).name for log in LOGS)
        table.add_row("logs", f"[dim]{files} in {safe(self._logs)}: soundalike logs -f[/dim]")
        table.add_row("", "[dim]Ctrl-C stops everything[/dim]")
        return table


def _rows(now: Activity) -> list[tuple[str, str]]:
    served = f"{counted(now.tracks, 'track')}, index {now.version}" if now.version else "no index"
    failed = f"; {counted(now.failures, 'failure')} (soundalike failures)" if now.failures else ""
    return [("served", f"{served}{failed}"), ("ingest", _ingest(now))]


def _ingest(now: Activity) -> str:
    if not now.at_work and not now.waiting:
        return "everything is ingested"
    names = ", ".join(now.at_work[:SHOWN_BATCHES])
    more = " ..." if len(now.at_work) > SHOWN_BATCHES else ""
    working = f"working on {names}{more}; " if names else ""
    return f"{working}{counted(now.waiting, 'batch').replace('batchs', 'batches')} waiting"
