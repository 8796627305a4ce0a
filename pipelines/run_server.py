"""The run server: a process of its own that starts, watches and ends the processes of runs.

    python -m pipelines.run_server

Where SOUNDALIKE_RUN_SERVER names its socket, as in docker-compose.yml, runs go on while daemon and
code server are restarted, and can be terminated from the web server's container, which does not see
their processes. Elsewhere runs are the daemon's own processes.
"""

import json
import os
import socketserver
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
import structlog
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._serdes import ConfigurableClassData

from pipelines.run_launcher import ForkserverRunLauncher
from pipelines.run_requests import RUN_SERVER, RunServerAwayError, ask
from soundalike.errors import SettingsError
from soundalike.logs import configure_logs
from soundalike.settings import load_settings

log = structlog.get_logger()


class InstanceRunLauncher(ForkserverRunLauncher):
    """The launcher of an instance whose runs are the run server's; dagster.yaml names it."""

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> ForkserverRunLauncher:
        """Make a launcher that asks the run server, or one of processes where there is none."""
        made = cls if os.environ.get(RUN_SERVER) else ForkserverRunLauncher
        return made(inst_data, **config_value)

    def warm_up(self) -> None:
        """Do nothing: the run server does so itself."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Have the run server start the run's process.

        Raises DagsterUserCodeUnreachableError if it is away: the run goes back into the queue.
        """
        try:
            ask("launch", context.dagster_run.run_id)
        except RunServerAwayError as error:
            raise DagsterUserCodeUnreachableError(str(error)) from error

    def terminate(self, run_id: str) -> bool:
        """Have the run server interrupt the run's process; False if it is gone, or cannot be."""
        try:
            return bool(ask("terminate", run_id))
        except RunServerAwayError as error:
            log.warning("run_server.away", run=run_id, reason=str(error))
            return False

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Ask whether the run's process lives; while the run server is away, it counts as living.

        A run server that comes back knows none of the processes that ended with the one before.
        """
        try:
            if ask("lives", run.run_id):
                return CheckRunHealthResult(WorkerStatus.RUNNING)
        except RunServerAwayError as error:
            return CheckRunHealthResult(WorkerStatus.RUNNING, str(error))
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "its process ended without a word")


class RunServer(socketserver.ThreadingUnixStreamServer):
    """Answers requests of one line, each in a thread, by a launcher of this process's own."""

    daemon_threads = True

    def __init__(self, socket: Path, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._launcher = ForkserverRunLauncher()
        self._launcher.register_instance(instance)
        self._actions: dict[str, Callable[[dg.DagsterRun], Any]] = {
            "launch": lambda run: self._launcher.launch_run(LaunchRunContext(run, None)),
            "terminate": lambda run: self._launcher.terminate(run.run_id),
            "lives": self._lives,
        }
        socket.parent.mkdir(parents=True, exist_ok=True)
        socket.unlink(missing_ok=True)  # of a server before this one
        before = os.umask(0o177)  # who can connect can start runs
        try:
            super().__init__(str(socket), _RunRequest)
        finally:
            os.umask(before)

    def warm_up(self) -> None:
        """Start the process that runs are forked from."""
        self._launcher.warm_up()

    def answer(self, line: bytes) -> dict[str, Any]:
        """Do what a line asks for; the answer says what came of it, or why nothing did."""
        try:
            request = json.loads(line)
            run = self._instance.get_run_by_id(request["run_id"])
            if run is None:
                return {"error": f"there is no run {request['run_id']}"}
            return {"answer": self._actions[request["action"]](run)}
        except Exception as error:  # whatever it is, the server goes on, and its client is told
            log.warning("run_server.failed", reason=repr(error))
            return {"error": str(error) or repr(error)}

    def _lives(self, run: dg.DagsterRun) -> bool:
        return self._launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING


class _RunRequest(socketserver.StreamRequestHandler):
    server: RunServer

    def handle(self) -> None:
        line = self.rfile.readline()
        if line:  # health checks only connect
            with suppress(ConnectionError):  # whoever asked has left
                self.wfile.write(json.dumps(self.server.answer(line)).encode() + b"\n")


def main() -> None:
    """Serve until a signal ends the process. Raises SettingsError if no socket is named."""
    socket = os.environ.get(RUN_SERVER)
    if not socket:
        raise SettingsError(f"set {RUN_SERVER} to the path of the run server's socket")
    settings = load_settings()
    configure_logs(settings.lowest_log_level, json=settings.environment == "production")
    with dg.DagsterInstance.get() as instance, RunServer(Path(socket), instance) as server:
        server.warm_up()
        log.info("run_server.started", socket=socket)
        server.serve_forever()


if __name__ == "__main__":
    main()
