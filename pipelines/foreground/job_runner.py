"""Runs the pipeline's jobs in this process, recorded as any other Dagster run."""

import os
from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster._core.instance import InstanceRef
from rich.console import Console

from pipelines.interrupts import Interrupts
from pipelines.orphaned_runs import FOREGROUND_TAG, fail_orphaned_runs
from pipelines.partitions import batches
from pipelines.run_errors import run_failure
from pipelines.runs import range_tags
from soundalike.audio.sandbox import Decoders
from soundalike.catalog.engine import Sessions
from soundalike.catalog.process_locks import up_running
from soundalike.ingest.reports import RecordedReports
from soundalike.terminal import ProgressBars

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
NO_OUTPUT_CAPTURED = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
        "config": {},
    }
}


class JobRunner:
    """Runs jobs one after another; `reports` has what their stages did."""

    def __init__(
        self, sessions: Sessions, decoders: Decoders, interrupts: Interrupts, console: Console
    ) -> None:
        """Build the definitions, and end runs that a killed process of this kind has left.

        The process holds the ingest lock, so no other executes the foreground's runs.
        """
        self.reports = RecordedReports()
        self._interrupts = interrupts
        overrides = {
            "sessions": sessions,
            "decoders": decoders,
            "progress": ProgressBars(console),
            "reports": self.reports,
        }
        # Loading them reads the catalog, which is open now.
        from pipelines.definitions import build_defs  # noqa: PLC0415 - see above

        self._definitions = build_defs(overrides)
        # Dagster would capture output by processes, which Ctrl-C in a terminal also reaches.
        configured = InstanceRef.from_dir(os.environ["DAGSTER_HOME"], overrides=NO_OUTPUT_CAPTURED)
        self.instance = dg.DagsterInstance.from_ref(configured)
        fail_orphaned_runs(self.instance, foreground=True, background=not up_running(sessions))

    def add_batches(self, keys: Sequence[str]) -> Sequence[str]:
        """Make the batches partitions; return all partitions in their order."""
        self.instance.add_dynamic_partitions(str(batches.name), list(keys))
        return self.instance.get_dynamic_partitions(str(batches.name))

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
