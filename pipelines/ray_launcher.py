"""The launcher of a Ray cluster: each run is a Ray job. deploy/ray/dagster.yaml names it.

dagster-ray's launcher submits and terminates the jobs. Here is what a job executes
(remote_run.py), and what Ray's answers mean for a run.
"""

import json
import shlex
import sys
import time
from itertools import count
from threading import Thread

import dagster as dg
import structlog
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import serialize_value
from dagster_ray.configs import RayExecutionConfig
from dagster_ray.core.run_launcher import RayRunLauncher, get_job_submission_id_from_run_id

from pipelines.launchers import OwnLauncher
from pipelines.pools import widen_pools
from pipelines.remote_run import shared_settings
from pipelines.retries import DATABASE_AWAY
from pipelines.run_launcher import fail_orphaned_run
from soundalike.errors import in_one_line
from soundalike.settings import load_settings

LOOK_SECONDS = 5.0
WAIT_TOLD_AFTER = 12  # looks
LAUNCH_SECONDS = 120.0  # in which Ray must have a job that is launched
GONE = "status code 404"

log = structlog.get_logger()


class RayLauncher(RayRunLauncher, OwnLauncher):  # type: ignore[misc]  # it has no types here
    """Launches each run as a Ray job that has the cores and GPUs of its job's tags."""

    spans_machines = True
    separates_stages = True  # decoding and embedding are jobs with resources of their own

    def launch_run(self, context: LaunchRunContext) -> None:
        """Submit the run's job.

        Raises DagsterUserCodeUnreachableError if Ray cannot be reached: the run goes back into the
        queue (max_user_code_failure_retries in dagster.yaml). A job that Ray has already, as its
        answer was lost, is not submitted twice.
        """
        run = context.dagster_run
        job = get_job_submission_id_from_run_id(run.run_id)
        try:
            widen_pools(self._instance)
            self._launch_ray_job(job, self._command(run), run)
        except (RuntimeError, OSError) as error:
            if not self._has(job):
                raise DagsterUserCodeUnreachableError(f"Ray took no job: {error}") from error
        Thread(target=self._await_start, args=(run.run_id, job), daemon=True).start()

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Ask Ray whether the run's job lives; while Ray does not answer, it counts as living.

        A head that was restarted knows no job of before, whose processes end with their raylets.
        """
        try:
            found = self.client.get_job_info(get_job_submission_id_from_run_id(run.run_id))
        except (RuntimeError, OSError) as error:
            if GONE in str(error):
                return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "Ray knows no job of this run")
            return CheckRunHealthResult(WorkerStatus.RUNNING, str(error))
        if not found.status.is_terminal():
            return CheckRunHealthResult(WorkerStatus.RUNNING, found.message)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"its Ray job ended: {found.message}")

    def has_lost(self, run: dg.DagsterRun) -> bool:
        """Look whether nothing executes a run; one that is just being launched has no job yet."""
        status = self.check_run_worker_health(run).status
        if status is WorkerStatus.NOT_FOUND and run.status is dg.DagsterRunStatus.STARTING:
            launched = self._instance.get_run_stats(run.run_id).launch_time
            return launched is not None and time.time() - launched > LAUNCH_SECONDS
        return status is not WorkerStatus.RUNNING

    def terminate(self, run_id: str) -> bool:
        """Have Ray interrupt the run's job; False if it is gone, or Ray does not answer."""
        try:
            return bool(super().terminate(run_id))
        except OSError as error:
            log.warning("ray.away", run=run_id, reason=str(error))
            return False

    def _command(self, run: dg.DagsterRun) -> str:
        """The shell command of a run, in the same virtual environment on every node."""
        origin = run.job_code_origin
        if origin is None:
            raise DagsterUserCodeUnreachableError("the run does not say which code it executes")
        arguments = ExecuteRunArgs(
            job_origin=origin,
            run_id=run.run_id,
            instance_ref=self._instance.get_ref(),
            set_exit_code_on_failure=True,
        )
        share = RayExecutionConfig.from_tags(run.tags).num_cpus or self.num_cpus
        command = [
            *(origin.executable_path or sys.executable, "-P", "-m", "pipelines.remote_run"),
            *("--settings", json.dumps(shared_settings(load_settings()))),
            *(["--cores", str(max(1, round(share)))] if share else []),
            serialize_value(arguments),
        ]
        return shlex.join(command)

    def _has(self, job: str) -> bool:
        try:
            return bool(self.client.get_job_info(job))
        except (RuntimeError, OSError):
            return False

    def _await_start(self, run_id: str, job: str) -> None:
        """Fail a run whose job ends before it has begun; Dagster's monitoring asks later ones.

        It would wait for start_timeout_seconds, which have to be long, as a job waits in them for
        its cores.
        """
        for look in count(1):
            time.sleep(LOOK_SECONDS)
            try:
                run = self._instance.get_run_by_id(run_id)
                if run is None or run.status is not dg.DagsterRunStatus.STARTING:
                    return
                health = self.check_run_worker_health(run)
                if health.status is not WorkerStatus.RUNNING:
                    fail_orphaned_run(self._instance, run, f"it never began: {health.msg}")
                    return
                if look == WAIT_TOLD_AFTER:
                    told = f"it waits for Ray: {health.msg}"
                    self._instance.report_engine_event(told, run, cls=type(self))
            except DATABASE_AWAY as error:
                log.warning("ray.start_not_seen", run=run_id, reason=in_one_line(error))
