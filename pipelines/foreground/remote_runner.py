"""Has the pipeline's jobs executed by the run launcher, and waits for them.

That is how `soundalike ingest` works where runs are executed by other machines: it submits them and
shows what they tell (told.py).
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event, Lock
from typing import Any, TypeVar

import dagster as dg
from dagster._core.launcher import WorkerStatus
from rich.console import Console

from pipelines.batch_jobs import DECODE, EMBED, BatchJob, by_job
from pipelines.foreground.bars import Bars
from pipelines.foreground.submission import submit
from pipelines.interrupts import Interrupts
from pipelines.orphaned_runs import fail_orphaned_runs
from pipelines.partitions import batches, split_into_runs
from pipelines.run_errors import RunFailed, reason_of_run
from pipelines.run_launcher import fail_orphaned_run
from pipelines.told import StageError, StageProgress, Told, told_of
from soundalike.catalog.engine import Sessions
from soundalike.catalog.process_locks import up_running
from soundalike.errors import StorageError
from soundalike.ingest.reports import RecordedReports
from soundalike.settings import Settings

T = TypeVar("T")
LOOK_SECONDS = 0.5
HEALTH_SECONDS = 10.0
TRIES = 3  # of a run that is lost with its machine


class RunLost(RunFailed):
    """A run ended without a word: its machine was lost, or its process killed."""


class RemoteRunner:
    """Submits jobs and waits for them; `reports` has what their stages did."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        sessions: Sessions,
        settings: Settings,
        interrupts: Interrupts,
        console: Console,
    ) -> None:
        """Build the definitions, and end runs that are lost."""
        self.reports = RecordedReports()
        self.instance = instance
        self._sessions = sessions
        self._settings = settings
        self._interrupts = interrupts
        self._bars = Bars(console)
        self._lock = Lock()
        self._under_way: set[str] = set()
        self._stopping = Event()
        # Loading them reads the catalog, which is open now.
        from pipelines.definitions import build_defs  # noqa: PLC0415 - see above

        self._definitions = build_defs()
        fail_orphaned_runs(instance, foreground=True, background=not up_running(sessions))

    def run(
        self, job: str, keys: Sequence[str] = (), run_config: dict[str, Any] | None = None
    ) -> None:
        """Have a job executed, of these batches if it has any, and again if its machine is lost.

        Raises RunFailed with the failed step's reason, StorageError if the disk failed, or
        KeyboardInterrupt.
        """
        with self._bars, ThreadPoolExecutor(1) as thread:
            self._results([thread.submit(self._execute, job, keys, run_config)])

    def run_batches(self, keys: Sequence[str]) -> list[str]:
        """Have batches processed, as many runs at a time as the instance lets; return failures.

        If batches that share a run fail, each is tried alone, as the others may succeed.
        """
        queue = self.instance.get_concurrency_config().run_queue_config
        most = max(1, queue.max_concurrent_runs if queue else 1)
        failed: list[str] = []
        groups = self._groups(keys, most)
        with self._bars, ThreadPoolExecutor(most) as threads:
            while groups:
                tries = [threads.submit(self._batches, job, some) for job, some in groups]
                ended = list(zip(groups, self._results(tries), strict=True))
                failed += [str(error) for (_, some), error in ended if error and len(some) == 1]
                groups = [
                    (job, [key])
                    for (job, some), error in ended
                    if error and some[1:]
                    for key in some
                ]
        return failed

    def _groups(self, keys: Sequence[str], most: int) -> list[tuple[BatchJob, list[str]]]:
        """Split batches into runs, each with the first job that is due."""
        name = str(batches.name)
        self.instance.add_dynamic_partitions(name, list(keys))
        order = self.instance.get_dynamic_partitions(name)
        together = min(self._settings.batches_per_run, -(-len(keys) // most))
        due = by_job(self.instance, self._sessions, self._settings, dict.fromkeys(keys, ""))
        return [
            (job, some)
            for job, wanted in due.items()
            for some in split_into_runs(list(wanted), order, together)
        ]

    def _batches(self, job: BatchJob, keys: Sequence[str]) -> RunFailed | None:
        """Process batches by a job, and by the one that follows it; return why it failed."""
        try:
            for each in (DECODE, EMBED) if job is DECODE else (job,):
                self._execute(each.name, keys)
        except RunFailed as error:
            return error
        return None

    def _results(self, tries: Sequence[Future[T]]) -> list[T]:
        """Wait for all; if one raises an error, or the user stops, end the runs under way."""
        try:
            left: set[Future[T]] = set(tries)
            while left:
                done, left = wait(left, timeout=LOOK_SECONDS)
                self._interrupts.check()
                for each in done:
                    each.result()
        except BaseException:
            self._stopping.set()
            with self._lock:
                for run_id in self._under_way:
                    self.instance.run_launcher.terminate(run_id)
            raise
        return [each.result() for each in tries]

    def _execute(
        self, job: str, keys: Sequence[str], run_config: dict[str, Any] | None = None
    ) -> None:
        for left in reversed(range(TRIES)):
            with self._lock:
                if self._stopping.is_set():
                    raise RunFailed(f"{job} was not begun")
                definition = self._definitions.resolve_job_def(job)
                run_id = submit(self.instance, definition, keys, run_config)
                self._under_way.add(run_id)
            try:
                self._await(run_id, job)
            except RunLost:
                if not left:
                    raise
            else:
                return
            finally:
                with self._lock:
                    self._under_way.discard(run_id)

    def _await(self, run_id: str, job: str) -> None:
        """Wait until a run has ended, and take what it tells. Raises as `run`, and RunLost."""
        cursor, looked, error = None, time.monotonic(), None
        while not self._stopping.is_set():
            run = self.instance.get_run_by_id(run_id)
            told, cursor = told_of(self.instance, run_id, cursor)
            for each in told:
                error = self._take(run_id, each) or error
            if run is None or run.is_finished:
                return self._end(run, run_id, job, error)
            if time.monotonic() - looked >= HEALTH_SECONDS:
                looked = time.monotonic()
                self._end_if_lost(run)
            self._stopping.wait(LOOK_SECONDS)
        raise RunFailed(f"run {run_id} of {job} was stopped")

    def _take(self, run_id: str, told: Told) -> StageError | None:
        if isinstance(told, StageProgress):
            self._bars.move(run_id, told)
        elif isinstance(told, StageError):
            return told
        else:
            self.reports.add(told)
        return None

    def _end(
        self, run: dg.DagsterRun | None, run_id: str, job: str, error: StageError | None
    ) -> None:
        if run and run.is_success:
            return
        if error and error.kind == StorageError.__name__:
            raise StorageError(error.message)
        if run and run.status is dg.DagsterRunStatus.CANCELED:
            raise RunFailed(f"run {run_id} of {job} was cancelled")
        entries = self.instance.all_logs(run_id)
        reason = reason_of_run(e.dagster_event for e in entries if e.dagster_event)
        if reason:
            raise RunFailed(f"run {run_id} of {job} failed: {reason}")
        last = next((e.message for e in reversed(entries) if e.message), "see the Dagster UI")
        raise RunLost(f"run {run_id} of {job} was lost: {last}")

    def _end_if_lost(self, run: dg.DagsterRun) -> None:
        """Fail a run that nothing executes; Dagster's daemon does so too, where one runs."""
        if run.status is not dg.DagsterRunStatus.STARTED:
            return
        health = self.instance.run_launcher.check_run_worker_health(run)
        if health.status in {WorkerStatus.RUNNING, WorkerStatus.SUCCESS}:
            return
        again = self.instance.get_run_by_id(run.run_id)
        if again and not again.is_finished:
            fail_orphaned_run(self.instance, again, f"it was lost: {health.msg}")
