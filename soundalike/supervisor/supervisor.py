"""The supervisor: starts the services in order, watches them, and ends them together."""

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from soundalike.errors import SoundalikeError
from soundalike.supervisor.child import Child
from soundalike.supervisor.log_files import LogFiles
from soundalike.supervisor.services import ORPHANED_RUNS, Service

GRACE_SECONDS = 8  # for all services together, then what is left of them is killed
WATCH_SECONDS = 1.0
RESTART_SECONDS = 5.0  # at least between two starts of a service, which may end at once again


class Supervisor:
    """The running services; leaving the block ends them all.

    `report` is called with a sentence about each event that a person should know of, `look` about
    once a second. The services' output goes to `logs`, or else to our standard error.
    """

    def __init__(
        self,
        environment: dict[str, str],
        logs: LogFiles | None,
        report: Callable[[str], None],
        look: Callable[[], None],
    ) -> None:
        self._environment = environment
        self._logs = logs
        self._report = report
        self._look = look
        self._children: list[Child] = []
        self._started: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        # The code server ends last, so that web server and daemon do not look for it meanwhile.
        deadline = time.monotonic() + GRACE_SECONDS
        self._end([child for child in self._children if not child.service.restarts], deadline)
        self._end([child for child in self._children if child.service.restarts], deadline)

    def start(self, services: Sequence[Service]) -> None:
        """Start the services, each when it can use those before it. Raises SoundalikeError."""
        self._fail_orphaned_runs()
        for service in services:
            self._children.append(self._child(service))
            while service.socket and not _accepts(service.socket):
                self.watch()

    def watch(self) -> None:
        """Look and wait a second; then restart what ended and may be restarted.

        Raises SoundalikeError if another service ended.
        """
        self._look()
        time.sleep(WATCH_SECONDS)
        for position, child in enumerate(self._children):
            problem = child.problem()
            if problem and not child.service.restarts:
                raise SoundalikeError(f"{child.service.name} {problem}; {self._where}")
            if problem and time.monotonic() > self._started[child.service.name] + RESTART_SECONDS:
                self._report(f"{child.service.name} {problem}; it is started again")
                self._children[position] = self._restarted(child)

    def load_pipeline_again(self) -> None:
        """Restart the code server, whose definitions are those of when it started."""
        for position, child in enumerate(self._children):
            if child.service.restarts:
                self._children[position] = self._restarted(child)

    def _restarted(self, child: Child) -> Child:
        """Return a new child in place of one that ended."""
        child.kill()
        return self._child(child.service)

    def _child(self, service: Service) -> Child:
        self._started[service.name] = time.monotonic()
        if service.socket:
            service.socket.unlink(missing_ok=True)  # a killed server leaves it
        return Child(service, self._environment, self._logs)

    def _fail_orphaned_runs(self) -> None:
        """Mark runs whose process was killed as failed. Raises SoundalikeError."""
        child = Child(ORPHANED_RUNS, self._environment, self._logs)
        try:
            while not child.wait(WATCH_SECONDS):
                self._look()
            if child.exit_code:
                raise SoundalikeError(f"{ORPHANED_RUNS.name} cannot be read; {self._where}")
        finally:
            child.kill()

    @property
    def _where(self) -> str:
        """The place of the services' output, as the end of a message."""
        return "see `soundalike logs`" if self._logs else "see above"

    def _end(self, children: list[Child], deadline: float) -> None:
        """End these together; those that run at the deadline, a monotonic time, are killed."""
        for child in children:
            child.end()
        for child in children:
            if not child.wait(deadline - time.monotonic()):
                self._report(f"{child.service.name} did not stop in time and is killed")
            child.kill()


def _accepts(path: Path) -> bool:
    """Return whether a server listens on this Unix socket."""
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.connect(str(path))
        return True
    return False
