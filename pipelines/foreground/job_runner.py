"""Runs the pipeline's jobs in this process, recorded as any other Dagster run."""

from collections.abc import Sequence
from threading import Thread
from typing import Any

import dagster as dg
import structlog
from rich.console import Console

from pipelines.foreground.messages import batch_numbers
from pipelines.interrupts import Interrupts
from pipelines.orphaned_runs import FOREGROUND_TAG, fail_orphaned_runs
from pipelines.partitions import batches, split_into_runs
from pipelines.resources import Model
from pipelines.run_errors import RunFailed, run_failure
from pipelines.runs import range_tags
from soundalike.audio.sandbox import Decoders
from soundalike.catalog.engine import Sessions
from soundalike.catalog.process_locks import up_running
from soundalike.garbage_collection import importing
from soundalike.ingest.reports import RecordedReports
from soundalike.settings import Settings
from soundalike.terminal import ProgressBars

log = structlog.get_logger()

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class JobRunner:
    """Runs jobs one after another; `reports` has what their stages did."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        sessions: Sessions,
        settings: Settings,
        decoders: Decoders,
        interrupts: Interrupts,
        console: Console,
    ) -> None:
        """Build the definitions, and end runs that a killed process of this kind has left.

        The process holds the ingest lock, so no other executes the foreground's runs.
        """
        self.reports = RecordedReports()
        self.instance = instance
        self._sessions = sessions
        self._settings = settings
        self._interrupts = interrupts
        self._console = console
        overrides = {
            "sessions": sessions,
            "decoders": decoders,
            "progress": ProgressBars(console),
            "reports": self.reports,
        }
        # Loading them reads the catalog, which is open now.
        with importing():
            from pipelines.definitions import build_defs  # noqa: PLC0415 - see above

        self._definitions = build_defs(overrides)
        fail_orphaned_runs(self.instance, foreground=True, background=not up_running(sessions))

    def run(
        self, job: str, keys: Sequence[str] = (), run_config: dict[str, Any] | None = None
    ) -> None:
        """Run a job, of these batches if it has any.

        Raises RunFailed with the failed step's reason, StorageError if the disk failed, or
        KeyboardInterrupt.
        """
        result = self._definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            run_config={**QUIET, **(run_config or {})},
            tags={FOREGROUND_TAG: "ingest", **(range_tags(keys) if keys else {})},
            raise_on_error=False,
        )
        self._interrupts.check()
        if not result.success:
            raise run_failure(result, job, self.reports.error)

    def run_batches(self, keys: Sequence[str]) -> list[str]:
        """Process batches, several a run and one run after another; return why any failed.

        The model is loaded while the first of them is read and decoded.
        """
        Thread(target=self._load_model, name="model-loading").start()
        self.instance.add_dynamic_partitions(str(batches.name), list(keys))
        order = self.instance.get_dynamic_partitions(str(batches.name))
        failed: list[str] = []
        started = 0
        for together in split_into_runs(keys, order, self._settings.batches_per_run):
            if len(keys) > 1:
                first, started = started + 1, started + len(together)
                self._console.print(f"{batch_numbers(first, started)} of {len(keys)}")
            failed += self._embed(together)
        return failed

    def _load_model(self) -> None:
        try:
            Model(self._sessions).load()
        except Exception:  # the run that needs it fails, and tells why
            log.debug("model.not_loaded_ahead", exc_info=True)

    def _embed(self, keys: Sequence[str]) -> list[str]:
        """Run batches together; if that fails, each alone, as the others may succeed."""
        try:
            self.run("ingest_batch", keys)
        except RunFailed as error:
            if len(keys) == 1:
                return [str(error)]
            return [failed for key in keys for failed in self._embed([key])]
        return []
