"""The run launcher: a process for each run, forked from one that has imported everything.

Starting Python and importing Dagster, torch and this package takes seconds, and is the same for
each run; multiprocessing's forkserver does it once. `dagster.yaml` names the launcher.
"""

import multiprocessing
import os
import signal
import socket
from collections.abc import Mapping
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any

import dagster as dg
import psutil
import structlog
from dagster._cli.api import _execute_run_command_body
from dagster._config.config_schema import UserConfigSchema
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.instance import InstanceRef
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from dagster._utils.interrupts import capture_interrupts

from pipelines.launchers import OwnLauncher
from pipelines.retries import DATABASE_AWAY
from soundalike.errors import in_one_line
from soundalike.garbage_collection import imports_frozen
from soundalike.process_identity import process_identity
from soundalike.tracing import span, tracing

# Imported once, before the first fork. Importing starts no thread that a fork would lose.
PRELOADED = (
    "dagster._core.execution.plan.active",
    "dagster._core.executor.in_process",
    "dagster._core.workspace.autodiscovery",
    "pipelines.definitions",
    "pipelines.instance",
    "pipelines.run_launcher",
    "psycopg2.extras",
    "pyarrow.dataset",
    "soundalike.embedders.inference.runner",
    "soundalike.embedders.mert.model.embedder",
    "soundalike.embedders.musicnn.model.embedder",
    "soundalike.vectors.index.open_index",
    "upath.implementations.local",
)
PROCESS_TAG = "soundalike/process"

log = structlog.get_logger()


class ForkserverRunLauncher(RunLauncher[dg.DagsterInstance], OwnLauncher, ConfigurableClass):
    """Launches each run as a forked process of the daemon's, and knows whether it lives."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._inst_data = inst_data
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(PRELOADED))

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """The place in dagster.yaml that names this class."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Nothing can be configured."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> "ForkserverRunLauncher":
        """Make the launcher that dagster.yaml names."""
        return cls(inst_data, **config_value)

    def warm_up(self) -> None:
        """Start the process that runs are forked from, which otherwise the first run waits for."""
        process = self._context.Process(target=os.getpid, daemon=True)
        process.start()
        process.join()

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start the run's process; it ends with the daemon that started it.

        Until there is one the run has this process's name: it is known as lost if this one dies.
        Raises DagsterUserCodeUnreachableError if the database or the forkserver is away, or the
        system refuses a process: the run goes back into the queue (max_user_code_failure_retries in
        dagster.yaml).
        """
        run_id = context.dagster_run.run_id
        self._name(run_id, os.getpid())
        process = self._context.Process(
            target=_execute, args=(self._instance.get_ref(), run_id), daemon=True
        )
        try:
            process.start()
        except (FileNotFoundError, ConnectionError, EOFError) as error:
            self._end_daemon()
            raise DagsterUserCodeUnreachableError("no process can be forked") from error
        except (OSError, MemoryError) as error:
            raise DagsterUserCodeUnreachableError(f"no process can be forked: {error}") from error
        try:
            self._name(run_id, process.pid or 0)
            Thread(target=self.await_end, args=(process, run_id), daemon=True).start()
        except (DagsterUserCodeUnreachableError, RuntimeError) as error:
            process.kill()  # it would execute a run that is launched once more
            raise DagsterUserCodeUnreachableError(str(error)) from error

    def await_end(self, process: BaseProcess, run_id: str) -> None:
        """Wait until a run's process ends; fail the run if it has not recorded its end itself.

        What cannot be written then, Dagster's monitoring of runs writes later. It also looks after
        the processes of a forkserver that died, of which nobody tells their ends.
        """
        wait([process.sentinel])
        if process.pid and process_identity(process.pid):
            return
        try:
            run = self._instance.get_run_by_id(run_id)
            if run and not run.is_finished:
                fail_orphaned_run(self._instance, run)
        except DATABASE_AWAY as error:
            log.warning("launcher.end_not_recorded", run=run_id, reason=in_one_line(error))

    def _name(self, run_id: str, pid: int) -> None:
        """Write down which process has the run, and on which machine, for people.

        One that has ended already is named by its number only. The run is named too, as a run that
        repeats another begins with its tags.
        """
        name = f"{process_identity(pid) or pid}@{socket.gethostname()} for {run_id}"
        try:
            self._instance.add_run_tags(run_id, {PROCESS_TAG: name})
        except DATABASE_AWAY as error:
            raise DagsterUserCodeUnreachableError("the database is away") from error

    def _end_daemon(self) -> None:
        """End this process, which `up` starts again, with a forkserver of its own.

        The forkserver's socket is in the temporary folder: once that is emptied, no process can be
        forked any more.
        """
        log.error("launcher.no_forkserver", message="no run can be started; this process ends")
        os.kill(os.getpid(), signal.SIGTERM)

    def terminate(self, run_id: str) -> bool:
        """Interrupt the run's process, which cleans up and records the end; False if it is gone."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        process = _process_of(run)
        if process is None:
            return False
        self._instance.report_run_canceling(run)
        process.send_signal(signal.SIGINT)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """The monitoring daemon may ask whether a run's process lives."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Look whether the run's process lives; one started in a terminal counts as living.

        Runs are launched by this machine's daemon, or by one before it that is gone: the name of
        the host is not compared, as it changes with a network, and with each container.
        """
        if not _named(run) or _process_of(run):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "its process ended without a word")

    def has_lost(self, run: dg.DagsterRun) -> bool:
        """Look whether nothing executes a run of the daemon's: its process died, or never began."""
        if not _named(run):
            return True
        return self.check_run_worker_health(run).status is not WorkerStatus.RUNNING


def fail_orphaned_run(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    reason: str = "its process was killed; a later run repeats its work",
) -> None:
    """Mark a run as failed, or as cancelled if it was being cancelled, and free its pool slots."""
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, "its process was killed while it ended")
    else:
        instance.report_run_failed(run, reason)
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _named(run: dg.DagsterRun) -> str:
    """The identity of the process that has, or had, the run; empty if none was named yet."""
    process, _, run_id = run.tags.get(PROCESS_TAG, "").partition(" for ")
    return process.partition("@")[0] if run_id == run.run_id else ""


def _process_of(run: dg.DagsterRun) -> psutil.Process | None:
    """The living process of a run that was launched on this machine."""
    identity = _named(run)
    pid = identity.partition("/")[0]
    if not pid.isdecimal() or process_identity(int(pid)) != identity:
        return None
    try:
        return psutil.Process(int(pid))
    except psutil.NoSuchProcess:  # it ended just now
        return None


def _execute(instance_ref: InstanceRef, run_id: str) -> None:
    """Execute a run in this process; its events and its end are recorded in the instance."""
    with (
        imports_frozen(),
        tracing("soundalike-runs"),
        span("run", run=run_id),
        capture_interrupts(),
        dg.DagsterInstance.from_ref(instance_ref) as instance,
    ):
        _execute_run_command_body(run_id, instance, lambda _: None, set_exit_code_on_failure=False)
