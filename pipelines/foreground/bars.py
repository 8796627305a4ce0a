"""Progress bars of runs in other processes: a bar for each stage, over all runs of a moment."""

from collections import defaultdict
from threading import Lock
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from pipelines.told import StageProgress
from soundalike.terminal import STAGES


class Bars:
    """Bars on the console while the block lasts, if it is a terminal; threads may move them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = Lock()

    def __enter__(self) -> Self:
        columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(
            *columns, console=self._console, disable=not self._console.is_terminal
        )
        self._tasks: dict[str, TaskID] = {}
        self._runs: defaultdict[str, dict[str, StageProgress]] = defaultdict(dict)
        self._done: defaultdict[str, int] = defaultdict(int)
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def move(self, run_id: str, told: StageProgress) -> None:
        """Move the bar of a stage; a run that begins the stage of its next batch adds to it."""
        with self._lock:
            runs, before = self._runs[told.stage], self._runs[told.stage].get(run_id)
            if before and told.done == 0:
                self._done[told.stage] += before.total
            runs[run_id] = told
            done = self._done[told.stage] + sum(each.done for each in runs.values())
            total = self._done[told.stage] + sum(each.total for each in runs.values())
            if told.stage not in self._tasks:
                title = STAGES.get(told.stage, told.stage)
                self._tasks[told.stage] = self._progress.add_task(title, total=total)
            self._progress.update(self._tasks[told.stage], completed=done, total=total)
